import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectRaw, type Socket } from 'node:net';
import { afterEach, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { Outcome } from '../../src/balancers/types.ts';
import { readProxyHeader } from '../../src/l4/proxy-header.ts';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { Snapshot } from '../../src/upstream/snapshot.ts';
import { selfSigned, type TestCertificate } from '../support/certificates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, outcome, owned, plane } from '../support/tcp-fixture.ts';
import { streamRoute, type TcpPlane } from '../support/tcp-plane.ts';

let db: TestCertificate;
let other: TestCertificate;

/** A node that speaks TLS and echoes. */
async function tlsNode(
  options: TlsOptions,
): Promise<{ port: number; names: (string | false | null)[]; clients: TLSSocket[] }> {
  const names: (string | false | null)[] = [];
  const clients: TLSSocket[] = [];
  const server = createServer({ allowHalfOpen: true, ...options }, (socket) => {
    names.push(socket.servername);
    clients.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  owned({
    close: async () => {
      for (const socket of [...clients, ...sockets]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { port: (server.address() as AddressInfo).port, names, clients };
}

interface SecureClient {
  readonly socket: TLSSocket;
  readonly failure: string | null;
  text: string;
  ended: boolean;
}

/** Resolves when the handshake is done or has failed. */
async function secureClient(proxy: TcpPlane, options: ConnectionOptions): Promise<SecureClient> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true, ...options } as ConnectionOptions);
  owned({ close: async () => void socket.destroy() });
  const failure = await new Promise<string | null>((resolve) => {
    socket.on('secureConnect', () => resolve(null));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  const peer = { socket, failure, text: '', ended: false };
  socket.on('data', (chunk) => {
    peer.text += chunk.toString('latin1');
  });
  socket.on('end', () => {
    peer.ended = true;
  });
  return peer;
}

describe('TLS of streams', { timeout: 15_000 }, () => {
  before(() => {
    db = selfSigned('db.example', '127.0.0.1');
    other = selfSigned('*.other.example');
  });
  afterEach(closeAll);

  const certificates = () => [
    { id: 'own', names: [], ...db },
    { id: 'other', names: ['*.other.example'], ...other },
  ];

  test('is ended with the certificate for the name; the node gets plain bytes, and a half-close', async () => {
    const node = await backend();
    const proxy = await plane({
      ports: [node.port],
      listener: { tls: { certificate: 'own' } },
      certificates: certificates(),
    });
    const peer = await secureClient(proxy, { ca: db.cert, servername: 'db.example' });
    assert.equal(peer.failure, null);
    peer.socket.write('hello');
    await until(() => peer.text === 'hello');
    peer.socket.end(' you');
    await until(() => peer.ended);
    assert.equal(peer.text, 'hello you');
    await until(() => proxy.inflight === 0);
    assert.equal(outcome(proxy, 0, Outcome.success), 1);
    const wild = await secureClient(proxy, { ca: other.cert, servername: 'a.OTHER.example' });
    assert.equal(wild.failure, null);
    const nameless = await secureClient(proxy, { ca: db.cert, servername: '' });
    assert.equal(nameless.failure, null, 'a client without a name gets the certificate of the listener');
  });

  test('large transfers come through whole, both ways', async () => {
    const node = await backend();
    const proxy = await plane({
      ports: [node.port],
      listener: { tls: { certificate: 'own' } },
      certificates: certificates(),
    });
    const { socket } = await secureClient(proxy, { ca: db.cert, servername: 'db.example' });
    const body = Buffer.from(new Uint32Array(2 ** 20).map((_, index) => Math.imul(index, 2654435761)).buffer);
    const received: Buffer[] = [];
    let length = 0;
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      length += chunk.length;
    });
    socket.end(body);
    await until(() => length === body.length);
    assert.ok(Buffer.concat(received).equals(body));
  });

  test('routes go by the name in the handshake', async () => {
    const node = await backend();
    const streamRoutes = [streamRoute({ snis: ['a.other.example'] }), streamRoute({ id: 'd', upstreamId: 'nowhere' })];
    const tls = { certificate: 'own' };
    const proxy = await plane({ ports: [node.port], listener: { tls }, certificates: certificates(), streamRoutes });
    const good = await secureClient(proxy, { ca: other.cert, servername: 'a.other.example' });
    good.socket.write('x');
    await until(() => good.text === 'x');
    const bad = await secureClient(proxy, { ca: other.cert, servername: 'b.other.example' });
    await until(() => bad.ended || bad.socket.closed);
    assert.equal(proxy.count(ListenerField.refusedRoute), 1);
  });

  test('a new certificate holds for the next handshake and leaves open streams alone', async () => {
    const node = await backend();
    const proxy = await plane({
      ports: [node.port],
      listener: { tls: { certificate: 'own' } },
      certificates: certificates(),
    });
    const old = await secureClient(proxy, { ca: db.cert, servername: 'db.example' });
    const renewed = selfSigned('db.example');
    const { streamRoutes, upstreams } = proxy.snapshots.current;
    proxy.snapshots.replace(new Snapshot(2, [], streamRoutes, upstreams, [{ id: 'own', names: [], ...renewed }]));
    const next = await secureClient(proxy, { ca: renewed.cert, servername: 'db.example' });
    assert.equal(next.failure, null);
    const stale = await secureClient(proxy, { ca: db.cert, servername: 'db.example' });
    assert.notEqual(stale.failure, null);
    old.socket.write('still');
    await until(() => old.text === 'still');
  });

  test('a session ticket is good at every worker, until its key is replaced', async () => {
    const node = await backend();
    const options = { ports: [node.port], listener: { tls: { certificate: 'own' } }, certificates: certificates() };
    const workers = [await plane(options), await plane(options)] as const;
    const share = (key: number) => {
      for (const { snapshots } of workers) {
        const { version, streamRoutes, upstreams, certificates: known } = snapshots.current;
        const ticketKey = new Uint8Array(48).fill(key);
        snapshots.replace(new Snapshot(version + 1, [], streamRoutes, upstreams, known, ticketKey));
      }
    };
    let session: Buffer | undefined;
    const resumes = async (proxy: TcpPlane) => {
      const peer = await secureClient(proxy, {
        ...{ ca: other.cert, servername: 'a.other.example', maxVersion: 'TLSv1.2' },
        ...(session ? { session } : {}),
      });
      assert.equal(peer.failure, null);
      session = peer.socket.getSession();
      return peer.socket.isSessionReused();
    };
    share(1);
    assert.equal(await resumes(workers[0]), false);
    assert.equal(await resumes(workers[1]), true);
    share(2);
    assert.equal(await resumes(workers[1]), false);
    assert.equal(await resumes(workers[0]), true);
  });

  test('a handshake that fails or never ends is closed and counted, and no node hears of it', async () => {
    const clock = new FakeClock();
    const node = await backend();
    const proxy = await plane({
      ports: [node.port],
      listener: { tls: { certificate: null } },
      certificates: certificates(),
      clock,
    });
    const plain = await client(proxy);
    plain.socket.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => plain.ending !== null);
    const unknown = await secureClient(proxy, { servername: 'unknown.example' });
    assert.notEqual(unknown.failure, null);
    const silent = await client(proxy);
    await until(() => proxy.listener.connections === 1);
    clock.advance(10_500);
    await until(() => silent.ending !== null && proxy.listener.connections === 0);
    assert.equal(proxy.count(ListenerField.refusedTls), 3);
    assert.equal(node.accepted, 0);
    assert.equal(proxy.wheel.size, 0);
  });

  test('behind a PROXY header, in one segment with it', async () => {
    const node = await backend();
    const streamRoutes = [streamRoute({ remoteAddrs: ['192.0.2.7'] })];
    const listener = { tls: { certificate: 'own' }, proxies: ['127.0.0.1'] };
    const proxy = await plane({ ports: [node.port], listener, certificates: certificates(), streamRoutes });
    const raw = await client(proxy, false);
    raw.socket.cork();
    raw.socket.write('PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n');
    const secure = connect({ socket: raw.socket, ca: db.cert, servername: 'db.example' });
    process.nextTick(() => raw.socket.uncork());
    await once(secure, 'secureConnect');
    secure.write('hi');
    const [chunk] = await once(secure, 'data');
    assert.equal(String(chunk), 'hi');
    secure.destroy();
  });

  test('is spoken to nodes: the name, the check of the certificate, and the next node when it fails', async () => {
    const bad = await tlsNode(other);
    const good = await tlsNode(db);
    const tls = { serverName: 'db.example', verify: true, ca: db.cert, cert: null, key: null };
    const proxy = await plane({ ports: [bad.port, good.port], stream: { tls } });
    const peer = await client(proxy);
    peer.socket.write('hello');
    await until(() => peer.text === 'hello');
    assert.deepEqual(good.names, ['db.example']);
    assert.equal(outcome(proxy, 0, Outcome.connectFailure), 1);
    peer.socket.end(' you');
    await until(() => peer.ending === 'end');
    assert.equal(peer.text, 'hello you');
    await until(() => proxy.inflight === 0);
  });

  test('a node by its address, one that is not checked, one that wants a certificate', async () => {
    const node = await tlsNode(db);
    const byAddress = { serverName: null, verify: true, ca: db.cert, cert: null, key: null };
    const strict = await tlsNode({ ...db, ca: other.cert, requestCert: true });
    const cases = [
      { port: node.port, tls: byAddress },
      { port: node.port, tls: { ...byAddress, serverName: 'wrong.example', verify: false, ca: null } },
      { port: strict.port, tls: { ...byAddress, cert: other.cert, key: other.key } },
    ];
    for (const { port, tls } of cases) {
      const peer = await client(await plane({ ports: [port], stream: { tls } }));
      peer.socket.write('x');
      await until(() => peer.text === 'x' || peer.ending !== null);
      assert.equal(peer.text, 'x');
    }
    assert.deepEqual(node.names, [false, 'wrong.example']);
    const shown = strict.clients[0]?.getPeerCertificate().subject.CN;
    assert.equal(shown, '*.other.example');
  });

  test('both: ended and spoken again, with a PROXY header before it', async () => {
    const heads: Buffer[] = [];
    const inner = await tlsNode(db);
    const outer = await backend((socket) => {
      socket.once('data', (chunk) => {
        const bytes = chunk as Buffer;
        const header = readProxyHeader(bytes);
        assert.equal(header.kind, 'complete');
        if (header.kind !== 'complete') return;
        assert.equal(header.peers?.remoteAddress, '127.0.0.1');
        heads.push(bytes.subarray(0, header.length));
        const node = connectRaw(inner.port).on('error', () => {});
        if (bytes.length > header.length) node.write(bytes.subarray(header.length));
        socket.pipe(node).pipe(socket);
      });
    });
    const proxy = await plane({
      ports: [outer.port],
      listener: { tls: { certificate: 'own' } },
      certificates: certificates(),
      stream: { proxyProtocol: 2, tls: { serverName: 'db.example', verify: true, ca: db.cert, cert: null, key: null } },
    });
    const peer = await secureClient(proxy, { ca: db.cert, servername: 'db.example' });
    peer.socket.write('through');
    await until(() => peer.text === 'through');
    assert.equal(heads.length, 1);
  });

  test('a node that breaks off is not taken for one that ended: the client gets an RST, not a clean end', async () => {
    const node = await tlsNode(db);
    const tls = { serverName: 'db.example', verify: true, ca: db.cert, cert: null, key: null };
    const proxy = await plane({ ports: [node.port], stream: { tls } });
    const peer = await client(proxy);
    peer.socket.write('x');
    await until(() => peer.text === 'x');
    proxy.listener.close(0);
    await until(() => peer.ending === 'ECONNRESET');
    await until(() => proxy.inflight === 0);
  });

  test('a node that accepts and never answers the handshake is given up in time', async () => {
    const clock = new FakeClock();
    const mute = await backend(() => {});
    const good = await tlsNode(db);
    const tls = { serverName: 'db.example', verify: true, ca: db.cert, cert: null, key: null };
    const proxy = await plane({ ports: [mute.port, good.port], stream: { tls }, clock, connectTimeout: 3000 });
    const peer = await client(proxy);
    peer.socket.write('x');
    await until(() => mute.accepted === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.advance(3500);
    await until(() => peer.text === 'x');
    assert.equal(outcome(proxy, 0, Outcome.connectFailure), 1);
  });
});
