import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import { ReadBuffer, ReadBufferPool } from '../../src/l4/read-buffer.ts';
import { Relay, type RelayEnd } from '../../src/l4/relay.ts';
import { TcpBackend, TcpClient, until } from '../support/tcp-backend.ts';

/** A relay with everything in reach: an accepted socket on one side, an `onread` one on the other. */
class Rig {
  readonly wheel = new TimerWheel(systemClock);
  readonly pool = new ReadBufferPool();
  readonly ends: RelayEnd[] = [];
  /** Highest number of bytes that were held for clients at any time: what their sockets and the pool had. */
  mostHeld = 0;
  /** How often an upstream was told to wait. */
  stops = 0;
  readonly #servers: Server[] = [];
  readonly #sockets: Socket[] = [];

  /** Connects a client to `backendPort` through a relay. */
  async join(backendPort: number, initial?: Buffer): Promise<{ peer: Socket; relay: Relay; client: Socket }> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
    this.#servers.push(server);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    peer.on('error', () => {});
    const [client] = (await once(server, 'connection')) as [Socket];
    const reader = new ReadBuffer(this.pool);
    const upstream = connect({
      port: backendPort,
      host: '127.0.0.1',
      allowHalfOpen: true,
      onread: {
        buffer: () => reader.next(),
        callback: (length) => {
          const more = relay.upstreamData(reader.bytes(0, length), length);
          reader.wrote(client);
          this.mostHeld = Math.max(this.mostHeld, client.writableLength + this.pool.lent * 256 * 1024);
          if (!more) this.stops += 1;
          return more;
        },
      },
    });
    const relay = new Relay(client, upstream, {
      wheel: this.wheel,
      idleTimeoutMs: 0,
      finTimeoutMs: 0,
      onEnd: (end) => {
        reader.release();
        this.ends.push(end);
      },
    });
    this.#sockets.push(peer, client, upstream);
    await once(upstream, 'connect');
    relay.start(initial);
    return { peer, relay, client };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) await new Promise((resolve) => server.close(resolve));
    this.wheel.close();
  }
}

const open: { close(): Promise<void> }[] = [];

function rig(): Rig {
  const made = new Rig();
  open.push(made);
  return made;
}

async function backend(serve: (socket: Socket) => void): Promise<TcpBackend> {
  const made = await TcpBackend.start(serve);
  open.push(made);
  return made;
}

/** Bytes of which no two stretches are alike. */
function noise(length: number, seed: number): Buffer {
  const words = new Uint32Array(length / 4);
  const random = seededRandom(seed);
  for (let index = 0; index < words.length; index++) words[index] = random.below(2 ** 32);
  return Buffer.from(words.buffer);
}

/** Writes `block` `times` over, as fast as the receiver allows, then FIN. */
function pour(socket: Socket, block: Buffer, times: number): void {
  let left = times;
  const fill = () => {
    while (left > 0) {
      left -= 1;
      if (!socket.write(block)) return;
    }
    socket.off('drain', fill);
    socket.end();
  };
  socket.on('drain', fill);
  fill();
}

function digest(block: Buffer, times: number): string {
  const hash = createHash('sha1');
  for (let count = 0; count < times; count++) hash.update(block);
  return hash.digest('hex');
}

describe('relay', { timeout: 30_000 }, () => {
  afterEach(async () => {
    for (let resource = open.pop(); resource; resource = open.pop()) await resource.close();
  });

  test('hands on what was read from the client before it began, first', async () => {
    let heard = '';
    const node = await backend((socket) => {
      socket.on('data', (chunk) => {
        heard += chunk;
      });
    });
    const { peer, relay } = await rig().join(node.port, Buffer.from('first '));
    peer.write('second');
    await until(() => heard === 'first second');
    assert.equal(relay.toUpstream, 12);
  });

  test('a client that finished before the relay began is passed on as finished', async () => {
    let ended = false;
    const node = await backend((socket) => {
      socket.resume().on('end', () => {
        ended = true;
        socket.end('answer');
      });
    });
    const made = rig();
    const peer = await TcpClient.connect(await early(node.port, made));
    peer.socket.end();
    await until(() => ended && peer.ending === 'end' && made.ends.length === 1);
    assert.equal(peer.text, 'answer');
    assert.deepEqual(made.ends, [{ by: 'client', cause: null, toUpstream: 0, toClient: 6 }]);
  });

  test('a stalled reader of a fast 200 MB sender costs less than 1 MB, and gets every byte', async () => {
    const block = noise(1024 * 1024, 1);
    const node = await backend((socket) => pour(socket.resume(), block, 200));
    const made = rig();
    const { peer } = await made.join(node.port);
    await until(() => made.stops > 0);
    assert.ok(made.mostHeld < 1024 * 1024, `${made.mostHeld} bytes`);
    const hash = createHash('sha1');
    peer.on('data', (chunk) => hash.update(chunk as Buffer));
    await once(peer, 'end');
    peer.end();
    await until(() => made.ends.length === 1);
    assert.equal(hash.digest('hex'), digest(block, 200));
    assert.deepEqual(made.ends[0], { by: 'upstream', cause: null, toUpstream: 0, toClient: 200 * 1024 * 1024 });
    assert.ok(made.mostHeld < 1024 * 1024, `${made.mostHeld} bytes`);
    assert.equal(made.pool.lent, 0, 'every buffer came back');
  });

  test('streams that share the read buffers never see a byte of one another', async () => {
    const made = rig();
    const streams = Array.from({ length: 6 }, async (_, index) => {
      const random = seededRandom(100 + index);
      const block = noise(4 * (1 + random.below(80_000)), index);
      const times = Math.ceil((12 * 1024 * 1024) / block.length);
      const node = await backend((socket) => pour(socket.resume(), block, times));
      const { peer } = await made.join(node.port);
      const hash = createHash('sha1');
      peer.on('data', (chunk) => {
        hash.update(chunk as Buffer);
        if (random.next() > 0.1) return;
        peer.pause();
        setImmediate(() => peer.resume());
      });
      await once(peer, 'end');
      peer.end();
      assert.equal(hash.digest('hex'), digest(block, times));
    });
    await Promise.all(streams);
    await until(() => made.ends.length === 6);
    assert.equal(made.pool.lent, 0);
  });

  test('a node that does not read stops a fast client at bounded memory, and gets every byte later', async () => {
    const block = noise(1024 * 1024, 7);
    const hash = createHash('sha1');
    const sockets: Socket[] = [];
    const node = await backend((socket) => sockets.push(socket.pause()));
    const made = rig();
    const { peer, relay, client } = await made.join(node.port);
    pour(peer.resume(), block, 100);
    await until(() => client.isPaused());
    const held = relay.toUpstream;
    const reading = sockets[0]!;
    reading.on('data', (chunk) => hash.update(chunk));
    reading.on('end', () => reading.end());
    reading.resume();
    await until(() => made.ends.length === 1);
    assert.ok(held < 16 * 1024 * 1024, 'the client was stopped, not drained');
    assert.equal(hash.digest('hex'), digest(block, 100));
    assert.deepEqual(made.ends[0], { by: 'client', cause: null, toUpstream: 100 * 1024 * 1024, toClient: 0 });
  });

  test('a cut by the owner resets both sides once', async () => {
    let fate = '';
    const node = await backend((socket) => {
      socket.resume().on('error', (error: NodeJS.ErrnoException) => {
        fate = error.code ?? '';
      });
    });
    const made = rig();
    const { peer, relay } = await made.join(node.port);
    let failure = '';
    peer.resume().on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? '';
    });
    await until(() => node.accepted === 1);
    relay.destroy('WORKER_ENDS');
    relay.destroy('AGAIN');
    await until(() => fate !== '' && failure !== '' && made.ends.length === 1);
    assert.equal(fate, 'ECONNRESET');
    assert.equal(failure, 'ECONNRESET');
    assert.deepEqual(made.ends, [{ by: 'shutdown', cause: 'WORKER_ENDS', toUpstream: 0, toClient: 0 }]);
  });

  test('a cut right behind a FIN still closes both sides', async () => {
    const node = await backend((socket) => socket.resume());
    const made = rig();
    const { peer, relay, client } = await made.join(node.port);
    client.on('end', () => process.nextTick(() => process.nextTick(() => relay.destroy('NOW'))));
    peer.end();
    await until(() => made.ends.length === 1);
    assert.deepEqual(made.ends, [{ by: 'shutdown', cause: 'NOW', toUpstream: 0, toClient: 0 }]);
  });

  test('a socket that its owner destroys takes the other one with it', async () => {
    let fate = '';
    const node = await backend((socket) => {
      socket.resume().on('error', (error: NodeJS.ErrnoException) => {
        fate = error.code ?? '';
      });
    });
    const made = rig();
    const { client } = await made.join(node.port);
    await until(() => node.accepted === 1);
    client.destroy();
    await until(() => fate !== '' && made.ends.length === 1);
    assert.equal(fate, 'ECONNRESET');
    assert.deepEqual(made.ends, [{ by: 'client', cause: null, toUpstream: 0, toClient: 0 }]);
  });

  test('an RST says whose it was', async () => {
    const node = await backend((socket) => socket.on('data', () => socket.resetAndDestroy()));
    const made = rig();
    await made.join(node.port, Buffer.from('x'));
    await until(() => made.ends.length === 1);
    assert.deepEqual(made.ends, [{ by: 'upstream', cause: 'ECONNRESET', toUpstream: 1, toClient: 0 }]);
  });
});

/** Accepts one client, waits for its FIN, and only then begins to relay to `backendPort`. */
async function early(backendPort: number, made: Rig): Promise<number> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  open.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
  await once(server, 'listening');
  server.on('connection', async (client) => {
    client.resume();
    await once(client, 'end');
    const upstream = connect({
      port: backendPort,
      host: '127.0.0.1',
      allowHalfOpen: true,
      onread: {
        buffer: Buffer.alloc(1024),
        callback: (length, buffer) => relay.upstreamData(Buffer.from(buffer.subarray(0, length)), length),
      },
    });
    const relay = new Relay(client, upstream, {
      wheel: made.wheel,
      idleTimeoutMs: 0,
      finTimeoutMs: 0,
      onEnd: (end) => made.ends.push(end),
    });
    await once(upstream, 'connect');
    relay.start();
  });
  return (server.address() as { port: number }).port;
}
