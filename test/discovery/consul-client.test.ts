import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ConsulClient, type ConsulClientOptions, jsonOf } from '../../src/discovery/consul-client.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const NO_NAMESPACES = 'Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature';

describe('the Consul client', { timeout: 30_000 }, () => {
  const { signal } = new AbortController();
  let directory: string;
  let file: string;
  let log: RecordingLog;
  let registry: ScriptedRegistry;
  let client: ConsulClient;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'headgate-token-'));
    file = join(directory, 'token');
    log = new RecordingLog();
    registry = await ScriptedRegistry.start();
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    rmSync(directory, { recursive: true });
  });

  function create(token: ConsulClientOptions['token']): void {
    client = new ConsulClient([new URL(registry.address)], { token, concurrency: 4, connectTimeout: 1_000 }, log);
  }

  function ask(scope = ''): Promise<unknown> {
    return client.ask({ path: '/v1/x?a=b', scope, waits: false }, jsonOf, signal).then(({ value }) => value);
  }

  /** Asks and answers; resolves with the token that was sent. */
  async function tokenSent(): Promise<string | string[] | undefined> {
    const answer = ask();
    const request = await registry.requests.next();
    request.json([], 1);
    await answer;
    return request.headers['x-consul-token'];
  }

  it('reads the token for each question', async () => {
    writeFileSync(file, 'one\n');
    create({ file });
    assert.equal(await tokenSent(), 'one');
    writeFileSync(file, 'two');
    assert.equal(await tokenSent(), 'two');
  });

  it('asks again at once with the token that was renewed while the question was open', async () => {
    writeFileSync(file, 'old');
    create({ file });
    const answer = ask();
    const first = await registry.requests.next();
    writeFileSync(file, 'new');
    first.raw(403, 'ACL not found');
    const second = await registry.requests.next();
    assert.equal(second.headers['x-consul-token'], 'new');
    second.json(['x'], 1);
    assert.deepEqual(await answer, ['x']);
  });

  it('takes a refusal for what it is when the token is the same, or is refused as well', async () => {
    writeFileSync(file, 'old');
    create({ file });
    const answer = assert.rejects(ask(), /answered 403: .*\(it says: ACL not found\)/);
    (await registry.requests.next()).raw(403, 'ACL not found');
    await answer;
    const again = assert.rejects(ask(), /answered 403: .*\(it says: Permission denied\)/);
    const first = await registry.requests.next();
    writeFileSync(file, 'new');
    first.raw(403, 'ACL not found');
    (await registry.requests.next()).raw(403, 'Permission denied');
    await again;
    assert.equal(registry.requests.size, 0);
  });

  it('does not ask with half of a token or none', async () => {
    create({ file });
    await assert.rejects(ask(), /Consul can't be asked: the ACL token can't be read: .*ENOENT/);
    writeFileSync(file, '\n');
    await assert.rejects(ask(), /Consul can't be asked: the ACL token file .* is empty/);
    writeFileSync(file, 'there');
    assert.equal(await tokenSent(), 'there');
    assert.equal(registry.requests.size, 0);
  });

  it('asks without a namespace a server that has none, and says so once', async () => {
    create(null);
    const answer = ask('&ns=a');
    const first = await registry.requests.next();
    assert.equal(first.parameters.get('ns'), 'a');
    first.raw(400, NO_NAMESPACES);
    const second = await registry.requests.next();
    assert.deepEqual([...second.parameters], [['a', 'b']]);
    second.json(['x'], 1);
    assert.deepEqual(await answer, ['x']);
    const later = ask('&ns=a');
    const third = await registry.requests.next();
    assert.equal(third.parameters.has('ns'), false);
    third.raw(500, '');
    await assert.rejects(later, /answered 500/);
    const last = ask('&ns=a');
    const fourth = await registry.requests.next();
    assert.equal(fourth.parameters.get('ns'), 'a', 'it may be another server that has come back');
    fourth.raw(400, NO_NAMESPACES);
    (await registry.requests.next()).json([], 1);
    await last;
    assert.deepEqual(log.names, ['discovery.scope-ignored']);
    assert.match(log.events[0]!.message, /open-source version, which has no namespaces and partitions/);
  });

  it('leaves other bad questions alone', async () => {
    create(null);
    const answer = assert.rejects(ask('&ns=a'), /answered 400: .*Invalid index/);
    (await registry.requests.next()).raw(400, 'Invalid index');
    await answer;
    const filter = assert.rejects(ask(), /answered 500: it does not understand discovery_args.filter/);
    (await registry.requests.next()).raw(500, 'Failed to create boolean expression evaluator: 1:6 (5): no match found');
    await filter;
  });
});
