import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EtcdDiscovery } from '../../src/discovery/etcd.ts';
import type { EtcdOptions } from '../../src/discovery/etcd-client.ts';
import { AdapterBed } from '../support/adapter-bed.ts';
import { DEFAULT_ETCD } from '../support/discovery-defaults.ts';
import { settle } from '../support/fake-clock.ts';
import { ScriptedRegistry, type ScriptedRequest } from '../support/scripted-registry.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const header = (revision: number, cluster = 'c1') => ({
  cluster_id: cluster,
  member_id: 'm1',
  revision: `${revision}`,
});

function pair(key: string, value: string, revision = 1): Record<string, unknown> {
  return { key: base64(`/headgate/upstreams/${key}`), value: base64(value), mod_revision: `${revision}` };
}

describe('the etcd adapter', { timeout: 30_000 }, () => {
  let bed: AdapterBed<ScriptedRegistry, EtcdDiscovery>;

  beforeEach(async () => {
    bed = new AdapterBed(await ScriptedRegistry.start());
  });
  afterEach(() => bed.close());

  function watch(options: Partial<EtcdOptions> = {}): void {
    const all = { ...DEFAULT_ETCD, servers: [bed.server.address], timeout: 30_000, ...options };
    bed.adapter = new EtcdDiscovery(all, bed.tools, bed.log);
    bed.watch({ source: 'etcd', service: 'web', args: {} });
  }
  const question = () => bed.server.requests.next();
  const again = () => bed.after(15_000, question());
  async function hosts(): Promise<string[]> {
    return (await bed.sink.nextSet()).map((node) => node.host);
  }
  function answer(request: ScriptedRequest, revision: number, kvs: unknown[], cluster?: string): void {
    assert.equal(request.path, '/v3/kv/range');
    request.raw(200, JSON.stringify({ header: header(revision, cluster), kvs, count: `${kvs.length}` }));
  }
  /** The next question, which must be for a watch; it has begun. */
  async function stream(
    revision: number,
  ): Promise<{ request: ScriptedRequest; from: unknown; say: (text: unknown) => void }> {
    const request = await question();
    assert.equal(request.path, '/v3/watch');
    const body = (await request.body()) as { create_request: { start_revision: string } };
    request.begin(`${JSON.stringify({ result: { header: header(revision), created: true } })}\n`, {});
    return {
      request,
      from: body.create_request.start_revision,
      say: (result) => request.more(`${JSON.stringify(result)}\n`),
    };
  }
  const event = (revision: number, key: string, value: string | null) => ({
    result: {
      header: header(revision),
      events: [value === null ? { type: 'DELETE', kv: pair(key, '', revision) } : { kv: pair(key, value, revision) }],
    },
  });

  it('reads all keys at one revision, then watches from the next on', async () => {
    watch();
    const range = await question();
    const keys = { key: base64('/headgate/upstreams/'), range_end: base64('/headgate/upstreams0') };
    assert.deepEqual(await range.body(), keys);
    answer(range, 10, [pair('web/10.0.0.1:80', ''), pair('api/10.0.0.9:80', '')]);
    assert.deepEqual(await hosts(), ['10.0.0.1']);
    const { from, say } = await stream(10);
    assert.equal(from, '11');
    assert.deepEqual(await hosts(), ['10.0.0.1']);
    say(event(12, 'web', '["10.0.0.2:80"]'));
    assert.deepEqual(await hosts(), ['10.0.0.2', '10.0.0.1']);
    say(event(13, 'web/10.0.0.1:80', null));
    assert.deepEqual(await hosts(), ['10.0.0.2']);
    say(event(14, 'api/10.0.0.9:80', null));
    await settle();
    assert.equal(bed.sink.told.size, 0);
  });

  it('reads all again, at once, when its revision has been compacted away', async () => {
    watch();
    answer(await question(), 10, [pair('web/10.0.0.1:80', '')]);
    await hosts();
    (await question()).raw(
      200,
      `${JSON.stringify({ result: { header: header(90), created: true, canceled: true, compact_revision: '80' } })}\n`,
    );
    answer(await question(), 90, [pair('web/10.0.0.2:80', '')]);
    assert.deepEqual(await hosts(), ['10.0.0.2']);
    assert.equal((await stream(90)).from, '91');
  });

  it('asks for a silent watch anew from where it stands, and takes the beginning for a confirmation', async () => {
    watch();
    answer(await question(), 10, [pair('web/10.0.0.1:80', '')]);
    await hosts();
    const { request, say } = await stream(10);
    await hosts();
    say(event(20, 'web/10.0.0.2:80', ''));
    await hosts();
    await settle();
    const next = stream(20);
    await bed.clock.run(60_000);
    await request.closed;
    const { from, say: sayMore } = await next;
    assert.equal(from, '21');
    assert.deepEqual(await hosts(), ['10.0.0.1', '10.0.0.2']);
    sayMore(event(22, 'web/10.0.0.1:80', null));
    assert.deepEqual(await hosts(), ['10.0.0.2']);
  });

  it('tells of doubt when the revision went back or another cluster answers', async () => {
    watch();
    answer(await question(), 1000, [pair('web/10.0.0.1:80', '')]);
    await hosts();
    (await question()).reset();
    await bed.sink.nextFailure();
    answer(await again(), 4, []);
    const back = { kind: 'set', members: [], doubt: 'the revision went back from 1000 to 4' };
    assert.deepEqual(await bed.sink.told.next(), back);
    await stream(2);
    assert.match((await bed.sink.nextFailure()).message, /has lost what it had: the revision went back from 4 to 2/);
    answer(await again(), 9, [], 'c2');
    assert.deepEqual(await bed.sink.told.next(), { kind: 'set', members: [], doubt: 'another cluster answers' });
  });

  it('takes anything but good messages for a failure, and reads all again', async () => {
    watch();
    answer(await question(), 10, [pair('web/10.0.0.1:80', '')]);
    await hosts();
    const faults: [string, RegExp][] = [
      ['{"result":\n', /not JSON/],
      ['[]\n', /something else than a message of a watch/],
      ['{}\n', /something else than the result of a watch/],
      ['{"result":{}}\n', /something else than a header/],
      [`{"result":{"header":{"revision":"x"}}}\n`, /without a revision/],
      [`${JSON.stringify({ result: { header: header(11), events: {} } })}\n`, /else than a list of events/],
      ['{"error":{"code":14,"message":"etcdserver: no leader"}}\n', /ended a watch: .*no leader/],
      [`${JSON.stringify({ result: { header: header(11), canceled: true, cancel_reason: 'gone' } })}\n`, /watch: gone/],
      [`${JSON.stringify({ result: { header: header(11), canceled: true } })}\n`, /watch: no reason given/],
    ];
    for (const [text, message] of faults) {
      (await question()).begin(text, {});
      const failure = await bed.sink.nextFailure();
      assert.match(failure.message, message);
      assert.ok(failure.message.startsWith(`etcd at ${bed.server.address} `), failure.message);
      answer(await again(), 10, [pair('web/10.0.0.1:80', '')]);
      assert.deepEqual(await hosts(), ['10.0.0.1']);
    }
    (await question()).raw(200, '');
    assert.match((await bed.sink.nextFailure()).message, /ended a watch/);
  });

  it('says what to do about a refusal', async () => {
    watch();
    const refusals: [(request: ScriptedRequest) => void, RegExp][] = [
      [
        (request) => request.raw(400, '{"message":"etcdserver: user name is empty"}'),
        /another user: set discovery.etcd/,
      ],
      [(request) => request.raw(403, '{"message":"etcdserver: permission denied"}'), /may not read the prefix: grant/],
      [(request) => request.raw(404, '404 page not found'), /is it etcd 3\.4 or newer, with its gRPC gateway on\?/],
      [(request) => request.raw(503, '{"message":"etcdserver: no leader"}'), /it failed \(it says: etcdserver: no lea/],
      [(request) => request.raw(200, '<html>'), /not whole JSON/],
      [(request) => request.raw(200, '{"kvs":[]}'), /something else than a header/],
      [(request) => request.raw(200, JSON.stringify({ header: header(4), kvs: {} })), /else than a list of keys/],
      [(request) => request.reset(), /can't be asked/],
    ];
    let request = await question();
    for (const [refuse, message] of refusals) {
      refuse(request);
      assert.match((await bed.sink.nextFailure()).message, message);
      request = await again();
    }
    answer(request, 4, []);
    assert.deepEqual(await hosts(), []);
  });

  it('logs in, and again after a failure', async () => {
    watch({ user: { name: 'me', password: 'secret' } });
    for (const token of ['t1', 't2']) {
      const login = await again();
      assert.equal(login.path, '/v3/auth/authenticate');
      assert.deepEqual(await login.body(), { name: 'me', password: 'secret' });
      login.raw(200, JSON.stringify({ header: header(1), token }));
      const range = await question();
      assert.equal(range.headers.authorization, token);
      range.raw(401, '{"message":"etcdserver: invalid auth token"}');
      assert.match((await bed.sink.nextFailure()).message, /answered 401: it wants another user/);
    }
  });

  it('goes over to the next member when one fails, and takes no doubt from that', async () => {
    const other = await ScriptedRegistry.start();
    try {
      watch({ servers: [other.address, bed.server.address] });
      answer(await other.requests.next(), 10, [pair('web/10.0.0.1:80', '')]);
      await hosts();
      (await other.requests.next()).reset();
      await bed.sink.nextFailure();
      answer(await again(), 11, [pair('web/10.0.0.2:80', '')]);
      assert.deepEqual(await bed.sink.told.next().then((told) => told.kind === 'set' && told.doubt), undefined);
    } finally {
      await other.close();
    }
  });

  it('refuses addresses that are none', () => {
    const create = (servers: string[]) => {
      return new EtcdDiscovery({ ...DEFAULT_ETCD, servers }, bed.tools, bed.log);
    };
    watch();
    assert.throws(() => create([]), { code: 'CONFIG_INVALID', message: /servers is empty/ });
    assert.throws(
      () => create(['etcd://u:secret@x']),
      (error: Error) => !/secret/.test(error.message),
    );
  });
});
