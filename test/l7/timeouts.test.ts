import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { NodeField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type BackendHandler, plainBackend } from '../support/http-backend.ts';
import { type Fixture, type PlaneOptions, startProxy, turns, until, writeUntilStuck } from '../support/plane.ts';
import { BlackHole } from '../support/tcp-backend.ts';

const TIMEOUTS = { connect: 3000, send: 4000, read: 5000 };
const HEAD_MS = 1000;
const IDLE_MS = 2000;

interface TimedFixture extends Fixture {
  readonly clock: FakeClock;
}

async function timed(
  t: TestContext,
  handlers?: readonly BackendHandler[],
  more: PlaneOptions = {},
): Promise<TimedFixture> {
  const clock = new FakeClock();
  const fixture = await startProxy(t, handlers, {
    clock,
    upstream: { timeouts: TIMEOUTS },
    settings: { headTimeoutMs: HEAD_MS, idleTimeoutMs: IDLE_MS },
    ...more,
  });
  await until(() => fixture.plane.listener.connections === 1);
  return { ...fixture, clock };
}

/** Shortly before and shortly after: the wheel is up to two ticks late. */
async function passes(clock: FakeClock, ms: number, stillOpen: () => boolean): Promise<void> {
  clock.advance(ms - 50);
  await turns(3);
  assert.ok(stillOpen(), 'it is not cut before its time');
  clock.advance(150);
}

describe('timeouts', () => {
  it('closes a new connection that says nothing, without a word', async (t) => {
    const { client, clock } = await timed(t);
    await passes(clock, HEAD_MS, () => client.end === null);
    await client.ended();
    assert.equal(client.received.length, 0);
  });

  it('answers 408 to a head that does not end, however it drips', async (t) => {
    const { client, clock, plane } = await timed(t);
    client.write('GET / HTTP/1.1\r\n');
    for (let i = 0; i < 9; i++) {
      client.write('X-A: b\r\n');
      await turns(2);
      clock.advance(100);
    }
    assert.equal(client.end, null);
    clock.advance(200);
    const response = await client.response();
    assert.equal(response.status, 408);
    assert.equal(response.fields.get('connection'), 'close');
    assert.equal(await client.ended(), 'fin');
    assert.equal(plane.entries[0]?.end.cause, 'request-timeout');
  });

  it('measures the head of a later request from its first byte', async (t) => {
    const { client, clock } = await timed(t);
    await client.get('/');
    clock.advance(IDLE_MS - 100);
    client.write('GET / HT');
    await turns(3);
    await passes(clock, HEAD_MS, () => client.end === null);
    assert.equal((await client.response()).status, 408);
  });

  it('closes a kept-alive connection that is idle, without a word', async (t) => {
    const { client, clock } = await timed(t);
    await client.get('/');
    await passes(clock, IDLE_MS, () => client.end === null);
    await client.ended();
    assert.equal(client.received.length, 0);
  });

  it('answers 504 when a node takes no connection in time, and leaves it alone', async (t) => {
    const hole = await BlackHole.start();
    t.after(() => hole.close());
    const { client, clock, plane } = await timed(t);
    const address = { host: '127.0.0.1', port: hole.port };
    plane.setNodes([address], { timeouts: TIMEOUTS });
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await until(() => plane.inflight === 1);
    await passes(clock, TIMEOUTS.connect, () => plane.inflight === 1);
    assert.equal((await client.response()).status, 504);
    assert.equal(plane.nodeCount(address, NodeField.outcome + Outcome.connectFailure), 1);
    assert.ok(plane.table.failedAt(plane.slotOf(address)) > 0);
  });

  it('goes to the next node when one takes no connection in time', async (t) => {
    const hole = await BlackHole.start();
    t.after(() => hole.close());
    const { client, clock, plane, backend } = await timed(t);
    plane.setNodes([{ host: '127.0.0.1', port: hole.port }, backend.address], { timeouts: TIMEOUTS });
    await client.get('/');
    client.write('GET /second HTTP/1.1\r\nHost: t\r\n\r\n');
    await turns(5);
    clock.advance(TIMEOUTS.connect + 100);
    assert.equal((await client.response()).status, 200);
  });

  it('answers 504 when the node does not answer in time, and does not ask another', async (t) => {
    const { client, clock, plane, backends } = await timed(t, [() => {}, () => {}]);
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await until(() => backends[0]!.requests.length + backends[1]!.requests.length === 1);
    await passes(clock, TIMEOUTS.read, () => plane.inflight === 1);
    assert.equal((await client.response()).status, 504);
    assert.equal(backends[0]!.requests.length + backends[1]!.requests.length, 1);
  });

  it('resets the client when the node stops in the middle of its answer', async (t) => {
    const { client, clock, plane, backend } = await timed(t, [
      (request) => void request.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal'),
    ]);
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await until(() => String(client.received).endsWith('hal'));
    clock.advance(TIMEOUTS.read - 100);
    backend.requests[0]!.write('f');
    await until(() => String(client.received).endsWith('half'));
    await passes(clock, TIMEOUTS.read, () => client.end === null);
    assert.equal(await client.ended(), 'reset');
    assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.timeout), 1);
  });

  it('answers 504 when the node does not take the request in time', async (t) => {
    const { client, clock, backend, plane } = await timed(t, [(request) => void request.socket.pause()]);
    const total = 24 << 20;
    client.write(`POST / HTTP/1.1\r\nHost: t\r\nContent-Length: ${total}\r\n\r\n`);
    await backend.arrived(1);
    await writeUntilStuck(client.socket, total);
    clock.advance(TIMEOUTS.send + 100);
    await until(() => plane.inflight === 0);
    assert.equal(plane.entries[0]?.status, 504);
    assert.equal(plane.entries[0]?.end.cause, 'send-timeout');
  });

  it('answers 408 when a body stops, and measures from its last byte', async (t) => {
    const { client, clock, backend, plane } = await timed(t);
    client.write('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nab');
    await backend.arrived(1);
    clock.advance(IDLE_MS - 100);
    client.write('c');
    await until(() => backend.requests[0]!.rawBody.length === 3);
    await passes(clock, IDLE_MS, () => client.end === null);
    assert.equal((await client.response()).status, 408);
    await until(() => backend.sockets.size === 0);
    assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.aborted), 1);
  });

  it('cuts a client that does not take its answer', async (t) => {
    const { client, clock, plane, backend } = await timed(t, [
      (request) =>
        void request.write('HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n').write(Buffer.alloc(64_000_000)),
    ]);
    client.socket.pause();
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await until(() => plane.listener.buffers.lent > 0);
    await turns(50);
    clock.advance(TIMEOUTS.send + 100);
    await until(() => plane.inflight === 0 && plane.listener.connections === 0);
    assert.equal(plane.entries[0]?.end.cause, 'WRITE_STALL');
    assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.aborted), 1);
    assert.equal(plane.listener.buffers.lent, 0);
  });

  it("uses the route's timeouts before the upstream's", async (t) => {
    const { client, clock, backend } = await timed(t, [() => {}], {
      route: { timeouts: { connect: 100, send: 100, read: 300 } },
    });
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await backend.arrived(1);
    clock.advance(400);
    assert.equal((await client.response()).status, 504);
  });

  it('begins no further try after the time for retries', async (t) => {
    const holes = [await BlackHole.start(), await BlackHole.start()];
    t.after(() => Promise.all(holes.map((hole) => hole.close())));
    const { client, clock, plane } = await timed(t, [plainBackend]);
    plane.setNodes(
      holes.map((hole) => ({ host: '127.0.0.1', port: hole.port })),
      { timeouts: TIMEOUTS, retryTimeout: 2000 },
    );
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await until(() => plane.inflight === 1);
    clock.advance(TIMEOUTS.connect + 100);
    assert.equal((await client.response()).status, 504);
    assert.equal(plane.entries[0]?.tries.length, 1);
  });

  it('holds no timer for connections that are gone', async (t) => {
    const { client, clock, plane, backend } = await timed(t);
    await client.get('/');
    client.close();
    await until(() => plane.listener.connections === 0);
    for (const socket of backend.sockets) socket.destroy();
    await until(() => plane.listener.pool.size === 0);
    assert.equal(plane.wheel.size, 0);
    clock.advance(100);
  });
});
