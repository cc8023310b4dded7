import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { writeProxyHeader } from '../../src/l4/write-proxy-header.ts';
import { RouteField, streamEndField } from '../../src/telemetry/counters.ts';
import { StreamEnd } from '../../src/telemetry/stream-ends.ts';
import type { StreamEntry } from '../../src/telemetry/stream-entry.ts';
import { Snapshot } from '../../src/upstream/snapshot.ts';
import { selfSigned, type TestCertificate } from '../support/certificates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { BlackHole, deadPort, echo, until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, plane as openPlane, owned } from '../support/tcp-fixture.ts';
import { streamRoute, type TcpPlane, type TcpPlaneOptions } from '../support/tcp-plane.ts';

function plane(options: TcpPlaneOptions): Promise<TcpPlane> {
  return openPlane({ logged: true, ...options });
}

/** The only entry, once it is there. */
async function entryOf(proxy: TcpPlane): Promise<StreamEntry> {
  await until(() => proxy.entries.length > 0);
  assert.equal(proxy.entries.length, 1, 'one entry a stream');
  return proxy.entries[0]!;
}

function counted(proxy: TcpPlane, end: StreamEnd): number {
  return proxy.route(streamEndField(end));
}

/** A listener in front of a node, and a client whose stream is relayed. */
async function relayed(options: Partial<TcpPlaneOptions> = {}, serve: (socket: Socket) => void = echo) {
  const clock = new FakeClock();
  const node = await backend(serve);
  const proxy = await plane({ ports: [node.port], clock, ...options });
  const peer = await client(proxy);
  peer.socket.write('x');
  await until(() => peer.text === 'x');
  return { clock, node, proxy, peer };
}

describe('entries of TCP streams', { timeout: 30_000 }, () => {
  afterEach(closeAll);

  test('say who, where, how much and how long, when the stream is over', async () => {
    const clock = new FakeClock();
    const sockets: Socket[] = [];
    const node = await backend((socket) => sockets.push(socket));
    const dead = await deadPort();
    const proxy = await plane({ ports: [dead, node.port], clock });
    const peer = await client(proxy);
    const port = peer.socket.localPort!;
    await until(() => sockets.length === 1 && proxy.inflight === 1);
    clock.advance(40);
    sockets[0]!.write('hello');
    await until(() => peer.text === 'hello');
    clock.advance(60);
    sockets[0]!.write(', you');
    peer.socket.end('bye');
    await until(() => peer.text === 'hello, you');
    assert.deepEqual(proxy.entries, [], 'nothing before it is over');
    sockets[0]!.end();
    sockets[0]!.resume();
    const entry = await entryOf(proxy);
    assert.deepEqual(
      { ...entry, tries: entry.tries.map(({ node, outcome }) => [node, outcome]) },
      {
        time: clock.wall() - 100,
        listener: '127.0.0.1:0',
        client: '127.0.0.1',
        clientPort: port,
        peer: `127.0.0.1:${port}`,
        protocol: 'tcp',
        serverName: null,
        tls: null,
        bytesIn: 3,
        bytesOut: 10,
        datagramsIn: null,
        datagramsOut: null,
        connectMs: 0,
        firstByteMs: 40,
        durationMs: 100,
        route: 'r',
        upstream: 'u',
        tries: [
          [`127.0.0.1:${dead}`, 'connectFailure'],
          [`127.0.0.1:${node.port}`, 'success'],
        ],
        end: { by: 'client', phase: 'relay', reason: StreamEnd.clientClosed, cause: null },
      },
    );
    assert.equal(counted(proxy, StreamEnd.clientClosed), 1);
    assert.ok(Math.abs(proxy.route(RouteField.durationSum) - 0.1) < 1e-9);
  });

  test('name the node as the one that ended it in order', async () => {
    const { proxy, peer, node } = await relayed();
    for (const socket of node.sockets) socket.end();
    await until(() => peer.ending === 'end');
    peer.socket.end();
    const { end, tries } = await entryOf(proxy);
    assert.deepEqual(end, { by: 'upstream', phase: 'relay', reason: StreamEnd.upstreamClosed, cause: null });
    assert.deepEqual(
      tries.map(({ outcome }) => outcome),
      ['success'],
    );
  });

  const endings: [string, (parts: Awaited<ReturnType<typeof relayed>>) => void, object, Partial<TcpPlaneOptions>?][] = [
    [
      'an RST of the client',
      ({ peer }) => peer.socket.resetAndDestroy(),
      { by: 'client', phase: 'relay', reason: StreamEnd.clientReset, cause: 'ECONNRESET', outcome: 'aborted' },
    ],
    [
      'an RST of the node',
      ({ node }) => node.sockets.forEach((socket) => void socket.resetAndDestroy()),
      { by: 'upstream', phase: 'relay', reason: StreamEnd.upstreamReset, cause: 'ECONNRESET', outcome: 'reset' },
    ],
    [
      'silence',
      ({ clock }) => clock.advance(5000),
      { by: 'self', phase: 'relay', reason: StreamEnd.idleTimeout, cause: 'IDLE_TIMEOUT', outcome: 'success' },
      { idleTimeoutMs: 4000 },
    ],
    [
      'its lifetime',
      ({ clock }) => clock.advance(5000),
      { by: 'self', phase: 'relay', reason: StreamEnd.lifetime, cause: 'LIFETIME', outcome: 'aborted' },
      { lifetimeMs: 4000 },
    ],
    [
      'the departure of its node',
      ({ proxy }) => proxy.snapshots.replace(new Snapshot(2, [], proxy.snapshots.current.streamRoutes, new Map())),
      { by: 'self', phase: 'relay', reason: StreamEnd.nodeGone, cause: 'NODE_GONE', outcome: 'aborted' },
      { stream: { closeAfter: 0 } },
    ],
    [
      'a shutdown',
      ({ proxy, clock }) => {
        void proxy.listener.close(0);
        clock.advance(1);
      },
      { by: 'self', phase: 'relay', reason: StreamEnd.shutdown, cause: 'SHUTDOWN', outcome: 'aborted' },
    ],
  ];
  for (const [what, act, expected, options] of endings) {
    test(`name ${what} as what ended it, and the counter agrees`, async () => {
      const parts = await relayed(options);
      act(parts);
      const { end, tries } = await entryOf(parts.proxy);
      assert.deepEqual({ ...end, outcome: tries[0]?.outcome }, expected);
      assert.equal(counted(parts.proxy, end.reason), 1);
    });
  }

  test('tell silence after a FIN from silence', async () => {
    const clock = new FakeClock();
    const node = await backend((socket) => socket.resume());
    const proxy = await plane({ ports: [node.port], clock, idleTimeoutMs: 60_000, finTimeoutMs: 2000 });
    const peer = await client(proxy);
    await until(() => proxy.inflight === 1 && node.accepted === 1);
    const heard = new Promise((resolve) => node.sockets.forEach((socket) => void once(socket, 'end').then(resolve)));
    peer.socket.end('x');
    await heard;
    clock.advance(3000);
    const { end } = await entryOf(proxy);
    assert.deepEqual([end.by, end.reason, end.cause], ['self', StreamEnd.finTimeout, 'FIN_TIMEOUT']);
  });

  test('are there for streams that no node took, with the nodes that were tried', async () => {
    const dead = [await deadPort(), await deadPort()];
    const proxy = await plane({ ports: dead });
    await client(proxy);
    const { end, tries, connectMs, bytesIn } = await entryOf(proxy);
    assert.deepEqual(end, {
      ...{ by: 'upstream', phase: 'connect', reason: StreamEnd.connectFailed, cause: 'ECONNREFUSED' },
    });
    assert.deepEqual(
      tries.map(({ node, outcome }) => [node, outcome]),
      dead.map((port) => [`127.0.0.1:${port}`, 'connectFailure']),
    );
    assert.deepEqual([connectMs, bytesIn], [null, 0]);
    assert.equal(counted(proxy, StreamEnd.connectFailed), 1);
  });

  test('tell no node from full ones, and name a shutdown while a node is connected to', async () => {
    const empty = await plane({ ports: [] });
    await client(empty);
    assert.deepEqual((await entryOf(empty)).end, {
      ...{ by: 'self', phase: 'connect', reason: StreamEnd.noNode, cause: 'NO_NODE' },
    });
    const { proxy } = await relayed({ nodeLimit: 1 });
    await client(proxy);
    assert.deepEqual((await entryOf(proxy)).end, {
      ...{ by: 'self', phase: 'connect', reason: StreamEnd.nodesFull, cause: 'NODES_FULL' },
    });
    const hole = owned(await BlackHole.start());
    const waiting = await plane({ ports: [hole.port] });
    await client(waiting);
    await until(() => waiting.inflight === 1);
    void waiting.listener.close(0);
    const { end, tries } = await entryOf(waiting);
    assert.deepEqual(end, { by: 'self', phase: 'connect', reason: StreamEnd.shutdown, cause: 'SHUTDOWN' });
    assert.equal(tries[0]?.outcome, 'aborted');
  });

  test('are there for what no route takes and what a limit refuses', async () => {
    const node = await backend();
    const lost = await plane({ ports: [node.port], streamRoutes: [streamRoute({ serverPort: 1 })] });
    await client(lost);
    const { end, route, upstream } = await entryOf(lost);
    assert.deepEqual(end, { by: 'self', phase: 'route', reason: StreamEnd.route, cause: 'NO_ROUTE' });
    assert.deepEqual([route, upstream], [null, null]);
    for (const [options, reason, cause] of [
      [{ listener: { connectionLimit: 1 } }, StreamEnd.limit, 'LISTENER_FULL'],
      [{ listener: { sourceLimit: 1 } }, StreamEnd.sourceLimit, 'SOURCE_FULL'],
      [{ maxConnections: 1 }, StreamEnd.limit, 'WORKER_FULL'],
    ] as const) {
      const { proxy } = await relayed(options);
      const refused = await client(proxy);
      const entry = await entryOf(proxy);
      assert.deepEqual(entry.end, { by: 'self', phase: 'accept', reason, cause });
      assert.deepEqual([entry.client, entry.route], ['127.0.0.1', null]);
      if (refused.socket.localPort) assert.equal(entry.clientPort, refused.socket.localPort);
      assert.ok(entry.clientPort > 0);
    }
  });

  test('a stream that ends after its client holds the listener open until then, and has its entry', async () => {
    const sockets: Socket[] = [];
    const node = await backend((socket) => sockets.push(socket.pause()));
    const proxy = await plane({ ports: [node.port], finTimeoutMs: 60_000 });
    const peer = await client(proxy);
    await until(() => sockets.length === 1);
    sockets[0]!.end();
    peer.socket.end(Buffer.alloc(8 * 1024 * 1024));
    await until(() => peer.ending === 'end');
    let closed = false;
    const closing = proxy.listener.close(proxy.clock.now() + 20_000).then(() => {
      closed = true;
      return proxy.entries.length;
    });
    assert.equal(closed, false);
    sockets[0]!.resume();
    assert.equal(await closing, 1, 'the entry is there when the listener is closed');
    assert.equal(proxy.entries[0]!.bytesIn, 8 * 1024 * 1024);
  });

  test('an entry has the name that was read from a ClientHello that is passed on', async () => {
    const node = await backend((socket) => socket.once('data', () => socket.end()));
    const streamRoutes = [streamRoute({ snis: ['*.example'] })];
    const proxy = await plane({ ports: [node.port], streamRoutes });
    const peer = connect({ port: proxy.port, host: '127.0.0.1', servername: 'db.example' });
    owned({ close: async () => void peer.destroy() });
    peer.on('error', () => {});
    const entry = await entryOf(proxy);
    assert.deepEqual([entry.protocol, entry.serverName, entry.tls], ['tcp', 'db.example', null]);
    proxy.entries.length = 0;
    const silent = await client(proxy);
    silent.socket.end();
    const { end } = await entryOf(proxy);
    assert.deepEqual(end, { by: 'client', phase: 'hello', reason: StreamEnd.clientClosed, cause: 'CLIENT_CLOSED' });
    proxy.entries.length = 0;
    await client(proxy);
    await until(() => proxy.listener.connections === 1);
    void proxy.listener.close(0);
    const cut = (await entryOf(proxy)).end;
    assert.deepEqual(cut, { by: 'self', phase: 'hello', reason: StreamEnd.shutdown, cause: 'SHUTDOWN' });
  });
});

describe('entries behind a proxy', { timeout: 30_000 }, () => {
  afterEach(closeAll);

  const listener = { proxies: ['127.0.0.0/8'] };
  const NAMED = { remoteAddress: '192.0.2.7', remotePort: 51_000, localAddress: '198.51.100.1', localPort: 443 };

  test('the client is the one that the header names, the peer is the proxy', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port], listener });
    const peer = await client(proxy);
    const port = peer.socket.localPort;
    peer.socket.end(Buffer.concat([writeProxyHeader(2, NAMED), Buffer.from('x')]));
    const entry = await entryOf(proxy);
    assert.deepEqual([entry.client, entry.clientPort, entry.peer], ['192.0.2.7', 51_000, `127.0.0.1:${port}`]);
    assert.equal(entry.bytesIn, 1, 'the header is not part of the stream');
  });

  test('a header that is wrong, missing or late is an entry; what a shutdown cuts is no refusal', async () => {
    const clock = new FakeClock();
    const proxy = await plane({ ports: [1], listener, clock });
    const end = async (act: (socket: Socket) => void) => {
      proxy.entries.length = 0;
      const peer = await client(proxy);
      await until(() => proxy.listener.connections === 1);
      act(peer.socket);
      const entry = await entryOf(proxy);
      assert.equal(entry.clientPort, peer.socket.localPort ?? entry.clientPort);
      assert.equal(entry.end.phase, 'proxy');
      await until(() => proxy.listener.connections === 0);
      return [entry.end.by, entry.end.reason, entry.end.cause];
    };
    const refused = (cause: string) => ['client', StreamEnd.proxyProtocol, cause];
    assert.deepEqual(await end((socket) => socket.write('GET / HTTP/1.1\r\n\r\n')), refused('BAD_PROXY_HEADER'));
    assert.deepEqual(await end((socket) => socket.end('PROX')), refused('CLIENT_CLOSED'));
    assert.deepEqual(await end(() => clock.advance(6000)), refused('PROXY_HEADER_TIMEOUT'));
    const events = proxy.events.length;
    const cut = await end(() => {
      void proxy.listener.close(0);
      clock.advance(1);
    });
    assert.deepEqual(cut, ['self', StreamEnd.shutdown, 'SHUTDOWN']);
    assert.equal(proxy.events.length, events);
    const strict = await plane({ ports: [1], listener: { proxies: ['192.0.2.0/24'] } });
    await client(strict);
    assert.equal((await entryOf(strict)).end.cause, 'UNTRUSTED_PROXY');
  });
});

describe('entries of streams with TLS', { timeout: 30_000 }, () => {
  let certificate: TestCertificate;
  before(() => {
    certificate = selfSigned('db.example');
  });
  afterEach(closeAll);

  async function secured(options: ConnectionOptions): Promise<{ proxy: TcpPlane; socket: TLSSocket }> {
    const node = await backend();
    const certificates = [{ id: 'own', names: [], ...certificate }];
    const proxy = await plane({ ports: [node.port], listener: { tls: { certificate: 'own' } }, certificates });
    const socket = connect({ port: proxy.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    socket.on('error', () => {});
    owned({ close: async () => void socket.destroy() });
    return { proxy, socket };
  }

  test('that is ended here have the name, the version and the cipher', async () => {
    const { proxy, socket } = await secured({ servername: 'DB.example', maxVersion: 'TLSv1.2' });
    socket.once('data', () => socket.end());
    socket.write('x');
    const entry = await entryOf(proxy);
    assert.deepEqual([entry.protocol, entry.serverName, entry.tls?.version], ['tls', 'db.example', 'TLSv1.2']);
    assert.match(entry.tls?.cipher ?? '', /^ECDHE-/);
    assert.deepEqual([entry.bytesIn, entry.bytesOut, entry.end.reason], [1, 1, StreamEnd.clientClosed]);
    assert.ok(entry.firstByteMs !== null && entry.connectMs !== null);
  });

  test('that is spoken to the node have its first byte too; the client spoke none', async () => {
    const { proxy: node } = await secured({ servername: 'db.example' });
    const tls = { serverName: 'db.example', verify: false, ca: null, cert: null, key: null };
    const proxy = await plane({ ports: [node.port], stream: { tls } });
    const peer = await client(proxy);
    peer.socket.write('x');
    await until(() => peer.text === 'x');
    peer.socket.end();
    const entry = await entryOf(proxy);
    assert.deepEqual([entry.protocol, entry.tls, entry.end.reason], ['tcp', null, StreamEnd.clientClosed]);
    assert.ok(entry.firstByteMs !== null && entry.connectMs !== null && entry.firstByteMs >= entry.connectMs);
  });

  test('say why a handshake failed', async () => {
    const { proxy } = await secured({ servername: 'db.example', maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1' });
    const peer = await client(proxy);
    peer.socket.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => proxy.entries.length === 2);
    for (const { end, protocol, tls, clientPort } of proxy.entries) {
      assert.deepEqual([end.by, end.phase, end.reason], ['client', 'tls', StreamEnd.tls]);
      assert.match(end.cause ?? '', /^(ERR_SSL_|ECONNRESET|CLIENT_CLOSED)/);
      assert.deepEqual([protocol, tls], ['tls', null]);
      assert.ok(clientPort > 0);
    }
    assert.ok(proxy.entries.some(({ end }) => end.cause?.startsWith('ERR_SSL_')));
  });
});
