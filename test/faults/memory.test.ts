import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { HeadgateProcess } from '../support/headgate.ts';
import { MIB, settledBytes } from '../support/resident-memory.ts';

const STALLED = 20;
const STALLED_LIMIT = 4 * MIB;
const IDLE = 5000;
const IDLE_LIMIT = 15 * 1024;
const RESPONSE = 1024 * MIB;

/** `GET /small` gets a few bytes; `GET /huge` a gigabyte, as fast as it is taken. */
function startBackend(): Promise<Server> {
  const chunk = Buffer.alloc(MIB, 'x');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      if (!data.includes('GET /huge')) return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${RESPONSE}\r\n\r\n`);
      let left = RESPONSE / MIB;
      const fill = () => {
        while (left > 0) {
          left -= 1;
          if (!socket.write(chunk)) return;
        }
      };
      socket.on('drain', fill);
      fill();
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, () => resolve(server)));
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** One request on a connection that stays open. */
async function ask(port: number): Promise<Socket> {
  const socket = await open(port);
  const answered = new Promise<void>((resolve) => socket.once('data', () => resolve()));
  socket.write('GET /small HTTP/1.1\r\nHost: test\r\n\r\n');
  await answered;
  return socket;
}

describe('memory', { skip: process.platform === 'linux' ? false : 'reads /proc: run it on Linux' }, () => {
  let backend: Server;
  let headgate: HeadgateProcess;

  before(async () => {
    backend = await startBackend();
    headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 1,
      http: { idle_timeout: 600 },
      shutdown: { delay: 0, drain: 0 },
      upstreams: [{ id: 'web', nodes: { [`127.0.0.1:${(backend.address() as AddressInfo).port}`]: 1 } }],
      routes: [{ id: 'web', uri: '/*', upstream_id: 'web' }],
    });
    for (let round = 0; round < 500; round++) (await ask(headgate.httpPort)).destroy();
  });

  after(async () => {
    await headgate?.stop();
    backend?.close();
  });

  it(`holds less than ${STALLED_LIMIT / MIB} MiB of a gigabyte for a client that does not read`, async (t) => {
    const before = await settledBytes(headgate.pid);
    const clients = await Promise.all(Array.from({ length: STALLED }, () => open(headgate.httpPort)));
    for (const client of clients) {
      client.pause();
      client.write('GET /huge HTTP/1.1\r\nHost: test\r\n\r\n');
    }
    const each = ((await settledBytes(headgate.pid)) - before) / STALLED;
    t.diagnostic(`${(each / MIB).toFixed(2)} MiB for each of ${STALLED} stalled clients`);
    for (const client of clients) client.destroy();
    assert.ok(each < STALLED_LIMIT, `${each} bytes each`);
  });

  it(`keeps ${IDLE} idle connections for less than ${IDLE_LIMIT / 1024} KiB each`, async (t) => {
    const before = await settledBytes(headgate.pid);
    const clients: Socket[] = [];
    while (clients.length < IDLE) {
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => ask(headgate.httpPort)))));
    }
    const each = ((await settledBytes(headgate.pid)) - before) / IDLE;
    t.diagnostic(`${(each / 1024).toFixed(1)} KiB for each of ${IDLE} idle connections`);
    for (const client of clients) client.destroy();
    assert.ok(each < IDLE_LIMIT, `${each} bytes each`);
  });
});
