import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../support/fake-clock.ts';
import type { BackendHandler } from '../support/http-backend.ts';
import { plainBackend } from '../support/http-backend.ts';
import { startProxy, until } from '../support/plane.ts';

const keepalive = { size: 8, idleTimeout: 5000, requests: 1000 };

describe('the pool of connections to nodes', () => {
  it('uses the connection that was used last', async (t) => {
    const pending: (() => void)[] = [];
    const { client, connect, backend, plane } = await startProxy(t, [
      (request) => void pending.push(() => request.reply(200)),
    ]);
    const other = await connect();
    const both = [client.get('/1'), other.get('/2')];
    await until(() => pending.length === 2);
    pending[1]!();
    await both[1];
    pending[0]!();
    await both[0];
    assert.equal(plane.listener.pool.size, 2);
    const last = backend.requests.find((request) => request.target === '/1')!.connection;
    for (let i = 2; i < 5; i++) {
      const response = client.get('/again');
      await until(() => pending.length === i + 1);
      pending[i]!();
      await response;
      assert.equal(backend.requests[i]!.connection, last);
    }
  });

  it('keeps no more idle connections than the plan says', async (t) => {
    const pending: (() => void)[] = [];
    const { connect, plane } = await startProxy(t, [(request) => void pending.push(() => request.reply(200))], {
      upstream: { keepalive: { ...keepalive, size: 2 } },
    });
    const clients = await Promise.all([connect(), connect(), connect(), connect()]);
    const responses = clients.map((client) => client.get('/'));
    await until(() => pending.length === 4);
    for (const answer of pending) answer();
    await Promise.all(responses);
    assert.equal(plane.listener.pool.size, 2);
  });

  it('keeps none when the size is 0', async (t) => {
    const { client, backend } = await startProxy(t, [plainBackend], {
      upstream: { keepalive: { ...keepalive, size: 0 } },
    });
    await client.get('/');
    await client.get('/');
    assert.equal(backend.accepted, 2);
  });

  it('closes a connection that has carried its number of requests', async (t) => {
    const { client, backend } = await startProxy(t, [plainBackend], {
      upstream: { keepalive: { ...keepalive, requests: 2 } },
    });
    for (let i = 0; i < 4; i++) await client.get('/');
    assert.deepEqual(
      backend.requests.map((request) => request.connection),
      [1, 1, 2, 2],
    );
  });

  it('closes an idle connection after its time', async (t) => {
    const clock = new FakeClock();
    const { client, backend, plane } = await startProxy(t, [plainBackend], { clock, upstream: { keepalive } });
    await client.get('/');
    clock.advance(keepalive.idleTimeout - 100);
    assert.equal(plane.listener.pool.size, 1);
    clock.advance(300);
    assert.equal(plane.listener.pool.size, 0);
    await until(() => backend.sockets.size === 0);
  });

  it('forgets an idle connection that the node closes or resets', async (t) => {
    const { client, backend, plane } = await startProxy(t);
    for (const how of ['end', 'resetAndDestroy'] as const) {
      await client.get('/');
      assert.equal(plane.listener.pool.size, 1);
      for (const socket of backend.sockets) socket[how]();
      await until(() => plane.listener.pool.size === 0);
    }
    assert.equal((await client.request('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0')).status, 200);
  });

  it('closes an idle connection on which the node speaks unasked', async (t) => {
    const { client, connect, backend, plane } = await startProxy(t);
    await client.get('/');
    for (const socket of backend.sockets) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
    await until(() => plane.listener.pool.size === 0);
    assert.equal(String((await (await connect()).get('/mine')).body), 'GET /mine 0');
  });

  const unfit: [string, BackendHandler][] = [
    [
      'bytes behind the answer',
      (r) => void r.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n'),
    ],
    ['a body behind a 204', (r) => void r.write('HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok')],
    ['a body behind a 304', (r) => void r.write('HTTP/1.1 304 No\r\n\r\nok')],
    ['Connection: close', (r) => void r.reply(200, 'ok', 'Connection: close\r\n')],
    ['HTTP/1.0', (r) => void r.write('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok')],
  ];
  for (const [name, handler] of unfit) {
    it(`does not reuse a connection after ${name}`, async (t) => {
      const { client, backend, plane } = await startProxy(t, [handler]);
      for (let i = 0; i < 2; i++) assert.ok((await client.get('/')).status < 400);
      assert.equal(backend.accepted, 2);
      assert.equal(plane.listener.pool.size, 0);
    });
  }

  it('does not reuse a connection whose HEAD answer had a body', async (t) => {
    const { client, backend } = await startProxy(t, [
      (r) => void r.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    ]);
    assert.equal((await client.request('HEAD / HTTP/1.1\r\nHost: t')).status, 200);
    assert.equal(String((await client.get('/')).body), 'ok');
    assert.equal(backend.accepted, 2);
  });

  it('closes what is idle for a node when that leaves, and keeps the rest over changes', async (t) => {
    const { client, backends, plane } = await startProxy(t, [plainBackend, plainBackend]);
    const [first, second] = backends;
    await client.get('/');
    await client.get('/');
    assert.equal(plane.listener.pool.size, 2);
    plane.setNodes([first!.address]);
    assert.equal(plane.listener.pool.size, 1);
    await until(() => second!.sockets.size === 0);
    plane.setNodes([first!.address, second!.address]);
    await client.get('/');
    await client.get('/');
    assert.equal(first!.accepted, 1, 'the connection has survived both changes');
    assert.equal(second!.accepted, 2);
  });

  it('lets a request end on a node that has left, and then closes the connection', async (t) => {
    const pending: (() => void)[] = [];
    const slow: BackendHandler = (request) => void pending.push(() => request.reply(200, 'late'));
    const { client, backends, plane } = await startProxy(t, [slow, plainBackend]);
    plane.setNodes([backends[0]!.address]);
    const response = client.get('/');
    await until(() => pending.length === 1);
    plane.setNodes([backends[1]!.address]);
    assert.equal(plane.snapshots.oldestInUse, 2, 'the old snapshot is in use');
    pending[0]!();
    assert.equal(String((await response).body), 'late');
    await until(() => backends[0]!.sockets.size === 0);
    assert.equal(plane.listener.pool.size, 0);
    assert.equal(plane.snapshots.oldestInUse, 3);
  });
});
