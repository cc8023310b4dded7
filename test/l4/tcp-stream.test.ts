import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { ReadBufferPool } from '../../src/l4/read-buffer.ts';
import { type StreamHost, TcpStream } from '../../src/l4/tcp-stream.ts';
import { TcpBackend, until } from '../support/tcp-backend.ts';
import { LISTENER_SLOT, streamRoute, TcpPlane } from '../support/tcp-plane.ts';

test('bulk transfers to readers that stall, or leave, get every byte right and give every buffer back', {
  timeout: 30_000,
}, async () => {
  const total = 24 * 1024 * 1024;
  const body = Buffer.from(new Uint32Array(total / 4).map((_, index) => Math.imul(index, 2654435761)).buffer);
  const expected = createHash('sha1').update(body).digest('hex');
  const node = await TcpBackend.start((socket) => socket.resume().end(body));
  const proxy = new TcpPlane({ ports: [node.port] });
  const buffers = new ReadBufferPool();
  let done = 0;
  const host: StreamHost = {
    plane: proxy.dataPlane,
    settings: { idleTimeoutMs: 0, finTimeoutMs: 0, lifetimeMs: 0 },
    buffers,
    slot: LISTENER_SLOT,
    onUnserved: (_, error) => assert.fail(error),
    onDone: () => {
      done += 1;
    },
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const { current } = proxy.snapshots;
    new TcpStream(
      { socket: client, peers: client, record: null },
      streamRoute({}),
      current.upstreams.get('u')!,
      current,
      host,
    ).start();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stalled = connect(port, '127.0.0.1').on('error', () => {});
  await until(() => buffers.lent === 2);
  stalled.resetAndDestroy();
  const readers = Array.from({ length: 6 }, async (_, index) => {
    const leaves = index % 3 === 2;
    const peer = connect(port, '127.0.0.1').on('error', () => {});
    const hash = createHash('sha1');
    let received = 0;
    peer.on('data', (chunk) => {
      hash.update(chunk);
      received += chunk.length;
      if (leaves && received > total / 4) peer.resetAndDestroy();
      if (leaves || received % 7 !== 0) return;
      peer.pause();
      setTimeout(() => peer.resume(), 5);
    });
    await once(peer, 'close');
    if (!leaves) assert.equal(hash.digest('hex'), expected);
  });
  await Promise.all(readers);
  await until(() => done === 7);
  assert.equal(buffers.lent, 0);
  assert.equal(proxy.inflight, 0);
  await new Promise((resolve) => server.close(resolve));
  await node.close();
  proxy.wheel.close();
});
