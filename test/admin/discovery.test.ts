import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ChangeView, ReleaseRequest } from '../../src/admin/discovery-views.ts';
import { AdminServer } from '../../src/admin/server.ts';
import { formatAddress } from '../../src/core/address.ts';
import { systemClock } from '../../src/core/clock.ts';
import { adminViews } from '../support/admin-views.ts';
import { RecordingLog } from '../support/recording-log.ts';

const KEY = 'a-key-of-sufficient-length';
const WATCH = { source: 'consul', service: 'web', args: { tag: 'blue' } };
const CHANGE: ChangeView = {
  upstream: 'web',
  at: '2026-01-01T00:00:00.000Z',
  cause: 'consul: web',
  added: [{ node: '10.0.0.1:80', weight: 1, priority: 0, origin: 'consul: web' }],
  removed: [],
  changed: [],
  total: 1,
};

describe('discovery and history over the admin listener', () => {
  const released: ReleaseRequest[] = [];
  const asked: unknown[] = [];
  const servers: AdminServer[] = [];
  let open: string;
  let locked: string;

  const views = adminViews({
    discovery: () => ({
      sources: [{ source: 'consul', updates: { applied: 1 }, errors: 2 }],
      watches: [{ ...WATCH, state: 'held', age_seconds: 1, cached: false, count: 3, reason: 'two of three vanished' }],
    }),
    release: (request) => {
      released.push(request);
      return request.service === 'web';
    },
    changes: (...args) => {
      asked.push(args);
      return [CHANGE];
    },
    nodesAt: (upstream, at) => {
      asked.push([upstream, at]);
      return upstream === 'web' ? CHANGE.added : null;
    },
  });
  const start = async (key: string | null) => {
    const server = new AdminServer({ host: '127.0.0.1', port: 0 }, key, views, new RecordingLog(), systemClock);
    servers.push(server);
    return `http://${formatAddress(await server.start())}`;
  };
  const post = async (base: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${base}/v1/discovery/release`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
    return [answer.status, await answer.json()] as const;
  };
  const get = async (path: string) => {
    const answer = await fetch(open + path);
    return [answer.status, await answer.json()] as const;
  };

  before(async () => {
    open = await start(KEY);
    locked = await start(null);
  });
  after(() => Promise.all(servers.map((server) => server.close(systemClock.now()))));

  it('shows every watch with what the guard holds', async () => {
    const [status, body] = await get('/v1/discovery');
    assert.equal(status, 200);
    assert.deepEqual(body, views.discovery());
  });

  it('releases what is held, with the key only', async () => {
    assert.deepEqual(await post(open, WATCH, { 'x-api-key': KEY }), [200, { released: true }]);
    assert.deepEqual(released.pop(), WATCH);
    const [missing] = await post(open, WATCH);
    const [wrong] = await post(open, WATCH, { 'x-api-key': `${KEY}x` });
    assert.deepEqual([missing, wrong], [401, 401]);
    const [status, body] = await post(locked, WATCH, { 'x-api-key': KEY });
    assert.equal(status, 403);
    assert.match(JSON.stringify(body), /set admin\.key/);
    assert.deepEqual(released, []);
  });

  it('takes the catalogue where no service is named, and says when nothing is held', async () => {
    const [status, body] = await post(open, { source: 'consul' }, { 'x-api-key': KEY });
    assert.equal(status, 404);
    assert.match(JSON.stringify(body), /holds nothing/);
    assert.deepEqual(released.pop(), { source: 'consul', service: null, args: {} });
  });

  it('names what is wrong with a release', async () => {
    for (const [body, field] of [
      [{}, 'source'],
      [{ source: 'consul', service: 7 }, 'service'],
      [{ source: 'consul', args: { tag: 7 } }, 'args'],
    ] as const) {
      const [status, answer] = await post(open, body, { 'x-api-key': KEY });
      assert.equal(status, 400);
      assert.match((answer as { error_msg: string }).error_msg, new RegExp(`^${field}:`));
    }
    assert.deepEqual(released, []);
  });

  it('tells changes of one upstream or of all, in a span of time', async () => {
    asked.length = 0;
    assert.deepEqual(await get('/v1/history?from=2026-01-01T00:00:00Z&to=1767225660'), [200, [CHANGE]]);
    assert.deepEqual(await get('/v1/upstreams/web/history'), [200, [CHANGE]]);
    assert.deepEqual(asked, [
      [null, 1767225600000, 1767225660000],
      ['web', 0, Number.MAX_SAFE_INTEGER],
    ]);
  });

  it('tells the nodes at a time', async () => {
    const [status, body] = await get('/v1/upstreams/web/history?at=2026-01-01T00:00:00Z');
    assert.equal(status, 200);
    assert.deepEqual(body, { upstream: 'web', at: '2026-01-01T00:00:00.000Z', nodes: CHANGE.added });
    assert.equal((await get('/v1/upstreams/other/history?at=1'))[0], 404);
  });

  it('names a time that is none', async () => {
    for (const [path, field] of [
      ['/v1/history?from=yesterday', 'from'],
      ['/v1/history?to=', 'to'],
      ['/v1/upstreams/web/history?at=noon', 'at'],
    ] as const) {
      const [status, body] = await get(path);
      assert.equal(status, 400, path);
      assert.match((body as { error_msg: string }).error_msg, new RegExp(`^${field}: `));
    }
  });
});
