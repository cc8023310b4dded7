import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import { createHttpProbe } from '../../../src/health/probes/http.ts';
import { createTcpProbe } from '../../../src/health/probes/tcp.ts';
import type { TlsQuestion } from '../../../src/health/types.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/test-certificate.ts';
import { closedPort, RawServer } from './raw-server.ts';

const signal = new AbortController().signal;
const identity = { cert: TEST_CERTIFICATE, key: TEST_KEY };
const lax: TlsQuestion = { verify: false, serverName: null, ca: null };
const trusting: TlsQuestion = { verify: true, serverName: null, ca: TEST_CERTIFICATE };

const names: unknown[] = [];
const tlsServer = createTls(identity, (socket: TLSSocket) => {
  names.push(socket.servername);
  socket.on('error', () => {});
  socket.once('data', (bytes) => socket.write(`you said ${bytes}`));
});
const httpsServer = createHttps(identity, (request, response) => {
  names.push((request.socket as TLSSocket).servername);
  response.end(`you asked ${request.headers.host}`);
});

function addressOf(server: Server) {
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

before(async () => {
  for (const server of [tlsServer, httpsServer]) {
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});

after(async () => {
  for (const server of [tlsServer, httpsServer]) {
    server.close();
    await once(server, 'close');
  }
});

function shake(tls: TlsQuestion, more: { send?: string; expect?: string } = {}) {
  return createTcpProbe({ timeoutMs: 20_000, tls, ...more }).check(addressOf(tlsServer), signal);
}

describe('TLS probe', () => {
  it('succeeds when the handshake does, and the certificate is trusted and the node’s', async () => {
    const result = await shake(trusting);
    assert.match(result.detail, /^TLS handshake in \d+ ms$/);
    assert.equal(result.verdict, 'success');
  });

  it('fails when the certificate is not trusted', async () => {
    const result = await shake({ ...trusting, ca: null });
    assert.equal(result.verdict, 'tcp');
    assert.match(result.detail, /self-signed certificate/);
  });

  it('fails when the certificate is for another name', async () => {
    const result = await shake({ ...trusting, serverName: 'other.example' });
    assert.equal(result.verdict, 'tcp');
    assert.match(result.detail, /other\.example/);
    assert.equal((await shake({ ...trusting, serverName: 'node.example' })).verdict, 'success');
  });

  it('takes any certificate when told to', async () => {
    assert.equal((await shake(lax)).verdict, 'success');
  });

  it('asks for the name that it is given, and for none when the node is an address', async () => {
    names.length = 0;
    await shake({ ...lax, serverName: 'node.example' }, { send: '00', expect: '00' });
    await shake(lax, { send: '00', expect: '00' });
    assert.deepEqual(names, ['node.example', false]);
  });

  it('says and hears what is asked for once the handshake is done', async () => {
    const [send, right, wrong] = ['hi', 'said hi', 'said ho'].map((text) => Buffer.from(text).toString('hex'));
    assert.equal((await shake(lax, { send: send!, expect: right! })).verdict, 'success');
    const clock = new FakeClock();
    const probe = createTcpProbe({ timeoutMs: 100, tls: lax, send: send!, expect: wrong! }, clock);
    names.length = 0;
    const checked = probe.check(addressOf(tlsServer), signal);
    while (names.length === 0) await settle();
    await settle();
    clock.advance(100);
    assert.equal((await checked).verdict, 'timeout');
  });

  it('fails when nobody listens, and when what answers is not TLS', async () => {
    const probe = createTcpProbe({ timeoutMs: 20_000, tls: lax });
    assert.deepEqual(await probe.check(await closedPort(), signal), { verdict: 'tcp', detail: 'connection refused' });
    await using server = await RawServer.start((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const result = await probe.check(server.address, signal);
    assert.equal(result.verdict, 'tcp');
    assert.match(result.detail, /^TLS: .*(version|packet|record)/);
    await server.allClosed();
  });

  it('fails when the handshake is cut', async () => {
    await using server = await RawServer.start((socket) => socket.resetAndDestroy());
    const result = await createTcpProbe({ timeoutMs: 20_000, tls: lax }).check(server.address, signal);
    assert.deepEqual(result, { verdict: 'tcp', detail: 'connection reset' });
  });

  it('says that it is the handshake that did not come in time', async () => {
    const clock = new FakeClock();
    const { promise: hello, resolve } = Promise.withResolvers<void>();
    await using server = await RawServer.start(() => resolve());
    const checked = createTcpProbe({ timeoutMs: 100, tls: lax }, clock).check(server.address, signal);
    await hello;
    await settle();
    clock.advance(100);
    assert.deepEqual(await checked, { verdict: 'timeout', detail: 'no TLS handshake within 100 ms' });
    await server.allClosed();
  });
});

describe('HTTPS probe', () => {
  const ask = (tls: TlsQuestion, host: string | null) =>
    createHttpProbe({
      ...{ timeoutMs: 20_000, tls, method: 'GET', path: '/', host, headers: [], bodyLimit: 1000 },
      ...{ healthyStatuses: [200], unhealthyStatuses: [500], expectBody: `^you asked ${host ?? '127'}` },
    }).check(addressOf(httpsServer), signal);

  it('asks over TLS, for the name of its host, and reads the body', async () => {
    names.length = 0;
    assert.equal((await ask(trusting, 'node.example:8443')).verdict, 'success');
    assert.equal((await ask(trusting, null)).verdict, 'success');
    assert.deepEqual(names, ['node.example', false]);
  });

  it('fails on a certificate for another host, unless told to take any', async () => {
    assert.equal((await ask(trusting, 'other.example')).verdict, 'tcp');
    assert.equal((await ask(lax, 'other.example')).verdict, 'success');
  });
});
