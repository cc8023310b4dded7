import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as openPlain, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createServer as createTlsServer, connect as openTls } from 'node:tls';
import { selfSigned } from '../support/certificates.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { MIB, settledBytes } from '../support/resident-memory.ts';
import { until } from '../support/tcp-backend.ts';

const STALLED = 40;
const LIMIT = 4 * MIB;
const TRANSFER = 1024 * MIB;
const CHUNK = Buffer.alloc(MIB, 'x');

/** The nodes' ends of the streams. */
const served = new Set<Socket>();
/** Bytes handed to sockets by `fill`. */
let sent = 0;

/** A gigabyte, as fast as it is taken. */
function fill(socket: Socket): void {
  let left = TRANSFER;
  const more = () => {
    while (left > 0) {
      left -= CHUNK.length;
      sent += CHUNK.length;
      if (!socket.write(CHUNK)) return;
    }
  };
  socket.on('drain', more);
  more();
}

/** `h`: a gigabyte. `s`: reads no further. `e`: that byte, and the end. */
function serve(socket: Socket): void {
  served.add(socket);
  socket.on('close', () => served.delete(socket));
  socket.on('error', () => {});
  socket.once('data', (first: Buffer) => {
    if (first[0] === 0x65) return void socket.end('e');
    socket.pause();
    if (first[0] === 0x68) fill(socket);
  });
}

describe('memory of streams', { skip: process.platform === 'linux' ? false : 'reads /proc: run it on Linux' }, () => {
  const certificate = selfSigned('db.example');
  const nodes: Record<'plain' | 'tls', Server> = {
    plain: createServer(serve),
    tls: createTlsServer(certificate, serve),
  };
  let headgate: HeadgateProcess;
  /** Before any stalled, warm: what an earlier case has left must not hide what a later one holds. */
  let idle: number;

  const kinds = [
    { what: 'plain TCP', secure: false, node: 'plain' },
    { what: 'TLS ended', secure: true, node: 'plain' },
    { what: 'TLS to the node', secure: false, node: 'tls' },
    { what: 'TLS both ways', secure: true, node: 'tls' },
  ] as const;

  const connected = async (index: number): Promise<Socket> => {
    const [host, port] = [`127.0.0.${index + 1}`, headgate.tcpPorts[index]!];
    const secure = kinds[index]!.secure;
    const socket = secure ? openTls({ port, host, rejectUnauthorized: false }) : openPlain(port, host);
    await once(socket, secure ? 'secureConnect' : 'connect');
    socket.on('error', () => {});
    return socket;
  };

  const open = async () => {
    const upstreams = await headgate.admin<{ nodes: { inflight: number }[] }[]>('/v1/upstreams');
    return upstreams.flatMap(({ nodes }) => nodes).reduce((sum, { inflight }) => sum + inflight, 0);
  };

  before(async () => {
    for (const server of Object.values(nodes)) await once(server.listen(0, '127.0.0.1'), 'listening');
    const tls = { cert: certificate.cert, key: certificate.key };
    const upstream = (kind: 'plain' | 'tls') => ({
      nodes: { [`127.0.0.1:${(nodes[kind].address() as AddressInfo).port}`]: 1 },
      ...(kind === 'tls' ? { scheme: 'tls', tls: { verify: false } } : {}),
    });
    headgate = await HeadgateProcess.start({
      listen: [],
      stream_listen: kinds.map(({ secure }, index) => ({
        address: `127.0.0.${index + 1}:0`,
        ...(secure ? { tls } : {}),
      })),
      admin: { address: '127.0.0.1:0' },
      workers: 1,
      shutdown: { delay: 0, drain: 0 },
      stream_routes: kinds.map(({ node }, index) => ({
        id: `r${index}`,
        server_addr: `127.0.0.${index + 1}`,
        upstream: upstream(node),
      })),
    });
    for (let round = 0; round < 400; round++) {
      const socket = await connected(round % kinds.length);
      socket.end('e');
      await once(socket.resume(), 'close');
    }
    idle = await settledBytes(headgate.pid);
  });

  after(async () => {
    await headgate?.stop();
    for (const server of Object.values(nodes)) server.close();
  });

  for (const [index, { what }] of kinds.entries()) {
    for (const [who, first] of [
      ['client', 'h'],
      ['node', 's'],
    ] as const) {
      it(`holds less than ${LIMIT / MIB} MiB of a gigabyte for a ${who} that does not read, ${what}`, async (t) => {
        sent = 0;
        const clients = await Promise.all(Array.from({ length: STALLED }, () => connected(index)));
        for (const client of clients) {
          client.pause();
          client.write(first);
          if (who === 'node') fill(client);
        }
        await until(() => sent >= STALLED * MIB);
        const each = ((await settledBytes(headgate.pid)) - idle) / STALLED;
        t.diagnostic(`${(each / MIB).toFixed(2)} MiB for each of ${STALLED}, ${sent / STALLED / MIB} MiB sent of each`);
        assert.ok(sent < (STALLED * TRANSFER) / 4, 'the transfers are stalled');
        // A client that is gone is not seen to be while what it sent waits for the node: the node ends the stream.
        for (const socket of [...clients, ...served]) socket.destroy();
        while ((await open()) > 0);
        assert.ok(each < LIMIT, `${each} bytes each`);
      });
    }
  }
});
