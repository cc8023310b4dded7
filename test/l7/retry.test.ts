import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { decideRetry, type FailedTry, type RetryLimits } from '../../src/l7/retry.ts';
import { NodeField, RouteField } from '../../src/telemetry/counters.ts';
import { type BackendHandler, plainBackend } from '../support/http-backend.ts';
import { startProxy, until } from '../support/plane.ts';
import { deadPort } from '../support/tcp-backend.ts';

const FAILED: FailedTry = {
  kind: 'closed',
  reused: false,
  nothingSent: false,
  bodySent: false,
  answerBegun: false,
  method: 'GET',
  refreshed: 0,
  repeated: 0,
  moved: 0,
  elapsedMs: 0,
};
const FREE: RetryLimits = { retries: null, retryTimeout: 0 };

describe('the decision to retry', () => {
  const table: [string, Partial<FailedTry>, Partial<RetryLimits>, ReturnType<typeof decideRetry>][] = [
    ['no connection', { kind: 'connect', nothingSent: true }, {}, 'move'],
    ['no connection, POST', { kind: 'connect', nothingSent: true, method: 'POST' }, {}, 'move'],
    ['no connection, the sixteenth time', { kind: 'connect', nothingSent: true, moved: 15 }, {}, 'move'],
    ['no connection, the seventeenth time', { kind: 'connect', nothingSent: true, moved: 16 }, {}, 'give-up'],
    ['no connection, retries 0', { kind: 'connect', nothingSent: true }, { retries: 0 }, 'give-up'],
    ['no connection, retries used up', { kind: 'connect', nothingSent: true, moved: 2 }, { retries: 2 }, 'give-up'],
    [
      'no connection, more than eight allowed',
      { kind: 'connect', nothingSent: true, moved: 9 },
      { retries: 10 },
      'move',
    ],
    ['no connection, too late', { kind: 'connect', nothingSent: true, elapsedMs: 50 }, { retryTimeout: 50 }, 'give-up'],
    ['no connection, in time', { kind: 'connect', nothingSent: true, elapsedMs: 49 }, { retryTimeout: 50 }, 'move'],
    ['stale, GET', { reused: true }, {}, 'refresh'],
    ['stale, GET, retries 0', { reused: true }, { retries: 0 }, 'refresh'],
    ['stale, PUT without its body sent', { reused: true, method: 'PUT' }, {}, 'refresh'],
    ['stale, PUT with some body sent', { reused: true, method: 'PUT', bodySent: true }, {}, 'give-up'],
    ['stale, POST', { reused: true, method: 'POST' }, {}, 'give-up'],
    ['stale, PATCH', { reused: true, method: 'PATCH' }, {}, 'give-up'],
    ['stale, POST, nothing sent', { reused: true, method: 'POST', nothingSent: true }, {}, 'refresh'],
    ['stale twice', { reused: true, refreshed: 1 }, {}, 'give-up'],
    ['stale after a byte of the answer', { reused: true, answerBegun: true }, {}, 'give-up'],
    ['died on a fresh connection, GET', {}, {}, 'move'],
    ['died on a fresh connection, POST', { method: 'POST' }, {}, 'give-up'],
    ['died on a fresh connection, nothing sent, POST', { method: 'POST', nothingSent: true }, {}, 'move'],
    ['died on a fresh connection, the second time', { repeated: 1 }, {}, 'give-up'],
    ['died on a fresh connection, retries 0', {}, { retries: 0 }, 'give-up'],
    ['died in the answer', { answerBegun: true }, {}, 'give-up'],
    ['no answer in time', { kind: 'timeout' }, {}, 'give-up'],
    ['nonsense for an answer', { kind: 'protocol' }, {}, 'give-up'],
    ['answered badly, GET', { kind: 'status', answerBegun: true }, {}, 'move'],
    ['answered badly on a kept-alive connection, GET', { kind: 'status', answerBegun: true, reused: true }, {}, 'move'],
    ['answered badly, POST', { kind: 'status', answerBegun: true, method: 'POST' }, {}, 'give-up'],
    ['answered badly, PUT, some body sent', { kind: 'status', method: 'PUT', bodySent: true }, {}, 'give-up'],
    ['answered badly, the second time', { kind: 'status', answerBegun: true, repeated: 1, moved: 1 }, {}, 'give-up'],
    ['answered badly, retries 0', { kind: 'status', answerBegun: true }, { retries: 0 }, 'give-up'],
  ];
  for (const [name, failed, limits, expected] of table) {
    it(`${name}: ${expected}`, () => {
      assert.equal(decideRetry({ ...FAILED, ...failed }, { ...FREE, ...limits }), expected);
    });
  }
});

/** Serves one request per connection and then closes it when it gets another: what a stale connection looks like. */
const closesWhenReused =
  (how: 'fin' | 'reset'): BackendHandler =>
  (request) => {
    const first = !seen.has(request.socket);
    seen.add(request.socket);
    if (first) request.reply(200, 'fresh');
    else if (how === 'fin') request.socket.destroy();
    else request.socket.resetAndDestroy();
  };
const seen = new WeakSet<object>();

describe('retries on real connections', () => {
  it('goes to another node when one refuses the connection, also for a POST with a body', async (t) => {
    const { client, plane, backend } = await startProxy(t);
    const dead = { host: '127.0.0.1', port: await deadPort() };
    plane.setNodes([dead, backend.address]);
    for (let i = 0; i < 3; i++) {
      const response = await client.request('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5', 'hello');
      assert.equal(String(response.body), 'POST / 5');
    }
    assert.equal(
      plane.nodeCount(dead, NodeField.outcome + Outcome.connectFailure),
      1,
      'the node is left alone at once',
    );
    assert.equal(plane.routeCount(RouteField.retries), 1);
  });

  it('answers 502 when no node takes the connection', async (t) => {
    const { client, plane } = await startProxy(t);
    plane.setNodes([
      { host: '127.0.0.1', port: await deadPort() },
      { host: '127.0.0.1', port: await deadPort() },
    ]);
    assert.equal((await client.get('/')).status, 502);
    assert.deepEqual(plane.entries[0]?.end, { by: 'upstream', phase: 'connect', cause: 'connect-failed' });
    assert.equal(plane.entries[0]?.tries.length, 2);
  });

  for (const how of ['fin', 'reset'] as const) {
    it(`sends a GET again when a kept-alive connection turns out to be closed (${how})`, async (t) => {
      const { client, plane, backend } = await startProxy(t, [closesWhenReused(how)]);
      for (let i = 0; i < 5; i++) assert.equal((await client.get('/')).status, 200);
      assert.equal(backend.requests.length, 9);
      assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.success), 5);
      assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.reset), 0);
    });

    it(`never sends a POST twice (${how})`, async (t) => {
      const { client, backend } = await startProxy(t, [closesWhenReused(how)]);
      await client.get('/');
      const response = await client.request('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5', 'hello');
      assert.equal(response.status, 502);
      assert.equal(backend.requests.length, 2);
    });
  }

  it('never sends a PUT again of whose body some has gone', async (t) => {
    const { client, backend } = await startProxy(t, [closesWhenReused('fin')]);
    await client.get('/');
    assert.equal((await client.request('PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 5', 'hello')).status, 502);
    assert.equal(backend.requests.length, 2);
  });

  it('sends a GET to another node when the first dies under it', async (t) => {
    const dies: BackendHandler = (request) => void request.socket.resetAndDestroy();
    const { client, plane, backends } = await startProxy(t, [dies, plainBackend]);
    for (let i = 0; i < 4; i++) assert.equal((await client.get('/')).status, 200);
    const [dead] = backends;
    assert.equal(plane.nodeCount(dead!.address, NodeField.outcome + Outcome.reset), dead!.requests.length);
    assert.ok(dead!.requests.length > 0);
  });

  it('gives up with 502 when the second node dies too', async (t) => {
    const dies: BackendHandler = (request) => void request.socket.destroy();
    const { client, backends } = await startProxy(t, [dies, dies, plainBackend]);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await client.get('/')).status);
    assert.ok(statuses.includes(502));
    const asked = backends.reduce((sum, backend) => sum + backend.requests.length, 0);
    assert.ok(asked <= 6);
  });

  it('never sends a POST again that breaks in the middle of its body', async (t) => {
    const { client, backends, plane } = await startProxy(t, [() => {}, () => {}]);
    const asked = (): number => backends[0]!.requests.length + backends[1]!.requests.length;
    client.write('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhello');
    await until(() => asked() === 1);
    for (const backend of backends) for (const socket of backend.sockets) socket.resetAndDestroy();
    assert.equal((await client.response()).status, 502);
    assert.equal(asked(), 1);
    const failures = backends.map(({ address }) =>
      plane.nodeCount(address, NodeField.outcome + Outcome.connectFailure),
    );
    assert.deepEqual(failures, [0, 0], 'a connection that stood is not a failed connection');
  });

  it('never repeats a request when the answer has begun', async (t) => {
    const { client, backends } = await startProxy(t, [
      (request) => void request.write('HTTP/1.1 200 OK\r\n').socket.end(),
      (request) => void request.write('HTTP/1.1 200 OK\r\n').socket.end(),
    ]);
    assert.equal((await client.get('/')).status, 502);
    assert.equal(backends[0]!.requests.length + backends[1]!.requests.length, 1);
  });

  it('loses no GET when a node is killed under load', async (t) => {
    const slowly: BackendHandler = (request) => void setTimeout(() => request.reply(200, 'ok'), 2);
    const { connect, backends, plane } = await startProxy(t, [slowly, slowly, slowly]);
    let stop = false;
    const clients = Array.from({ length: 16 }, async () => {
      const client = await connect();
      const statuses: number[] = [];
      while (!stop) statuses.push((await client.get('/')).status);
      return statuses;
    });
    await backends[0]!.arrived(50);
    await backends[0]!.kill();
    const before = backends[1]!.requests.length;
    await until(() => backends[1]!.requests.length > before + 50);
    stop = true;
    const statuses = (await Promise.all(clients)).flat();
    assert.deepEqual([...new Set(statuses)], [200]);
    assert.ok(plane.routeCount(RouteField.retries) > 0);
  });

  it('keeps the body whole for another try when a write fails at once', async (t) => {
    const { client, plane, backend } = await startProxy(t);
    await client.get('/');
    await until(() => plane.listener.pool.size === 1);
    const handle = plane.snapshots.current.upstreams.get('test')!.handles[0]!;
    const stale = plane.listener.pool.take(handle)!;
    stale.socket.write = function write() {
      // What Node does when the kernel refuses the first byte.
      this.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
      return false;
    };
    plane.listener.pool.put(stale, { size: 8, idleTimeout: 60_000, requests: 100 });
    const response = await client.request('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5', 'hello');
    assert.equal(String(response.body), 'POST / 5');
    assert.equal(String(backend.requests.at(-1)!.rawBody), 'hello');
    assert.equal(plane.routeCount(RouteField.retries), 1);
  });
});
