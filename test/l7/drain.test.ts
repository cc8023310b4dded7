import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../support/fake-clock.ts';
import type { BackendHandler } from '../support/http-backend.ts';
import { startProxy, turns, until } from '../support/plane.ts';
import { RawClient } from '../support/raw-client.ts';

const GET = 'GET / HTTP/1.1\r\nHost: t\r\n\r\n';

describe('draining a listener', () => {
  it('accepts no more, and ends idle connections after a moment', async (t) => {
    const clock = new FakeClock();
    const { client, connect, port, plane } = await startProxy(t, undefined, { clock });
    const fresh = await connect();
    await client.get('/');
    await until(() => plane.listener.connections === 2);
    plane.listener.drain();
    plane.listener.drain();
    await assert.rejects(RawClient.connect(port), { code: 'ECONNREFUSED' });
    await turns(5);
    assert.equal(client.end, null);
    clock.advance(1000);
    await Promise.all([client.ended(), fresh.ended()]);
    await until(() => plane.listener.connections === 0);
  });

  it('still serves a request that comes in that moment, with Connection: close', async (t) => {
    const clock = new FakeClock();
    const { client, plane } = await startProxy(t, undefined, { clock });
    await client.get('/');
    plane.listener.drain();
    const response = await client.get('/');
    assert.equal(response.status, 200);
    assert.equal(response.fields.get('connection'), 'close');
    assert.equal(await client.ended(), 'fin');
  });

  it('lets a request under way end, and closes then', async (t) => {
    const pending: (() => void)[] = [];
    const slow: BackendHandler = (request) => void pending.push(() => request.reply(200, 'late'));
    const { client, plane } = await startProxy(t, [slow]);
    client.write(GET);
    await until(() => pending.length === 1);
    const closed = plane.listener.close(plane.clock.now() + 60_000);
    pending[0]!();
    const response = await client.response();
    assert.equal(String(response.body), 'late');
    assert.equal(response.fields.get('connection'), 'close');
    client.close();
    await closed;
    assert.equal(plane.listener.connections, 0);
    assert.equal(plane.listener.pool.size, 0);
  });

  it('cuts what is left at the deadline', async (t) => {
    const clock = new FakeClock();
    const { client, plane, backend } = await startProxy(t, [() => {}], { clock });
    client.write(GET);
    await backend.arrived(1);
    const closed = plane.listener.close(clock.now() + 1000);
    assert.equal(plane.listener.close(0), closed, 'close is idempotent');
    clock.advance(900);
    await turns(5);
    assert.equal(client.end, null);
    clock.advance(200);
    await closed;
    assert.equal(await client.ended(), 'reset');
    assert.equal(plane.inflight, 0);
  });

  it('lets tunnels live until the deadline', async (t) => {
    const clock = new FakeClock();
    const { client, plane } = await startProxy(
      t,
      [(request) => void request.write('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')],
      { clock, route: { websocket: true } },
    );
    client.write(
      'GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    assert.equal((await client.response()).status, 101);
    const closed = plane.listener.close(clock.now() + 5000);
    clock.advance(4900);
    await turns(5);
    assert.equal(client.end, null);
    clock.advance(200);
    await closed;
    assert.equal(await client.ended(), 'reset');
    await until(() => plane.inflight === 0);
  });

  it('closes a listener that never started', async (t) => {
    const { plane } = await startProxy(t);
    await plane.listener.close(0);
    await plane.listener.close(0);
    assert.equal(plane.listener.connections, 0);
  });
});
