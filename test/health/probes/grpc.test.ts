import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createGrpcProbe, type GrpcProbeOptions } from '../../../src/health/probes/grpc.ts';
import type { ProbeResult } from '../../../src/health/types.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/test-certificate.ts';
import { closedPort, RawServer } from './raw-server.ts';

const signal = new AbortController().signal;
const defaults: GrpcProbeOptions = { timeoutMs: 20_000, tls: null, host: null, headers: [], service: '' };
/** `HealthCheckResponse` by serving status, with the prefix of gRPC. */
const response = (status: number) => Buffer.from([0, 0, 0, 0, 2, 8, status]);

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, message: Buffer) => void;

/** A health server of gRPC by hand; `answer` gets the whole message. */
class HealthServer implements AsyncDisposable {
  readonly #server: Http2Server;
  readonly #sessions = new Set<{ destroy(): void }>();

  private constructor(server: Http2Server) {
    this.#server = server;
  }

  static async start(answer: Answer, secure = false): Promise<HealthServer> {
    const server = secure ? createSecureServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }) : createServer();
    const health = new HealthServer(server);
    server.on('session', (session) => {
      health.#sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => health.#sessions.delete(session));
    });
    server.on('stream', async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on('error', () => {});
      const pieces: Buffer[] = [];
      for await (const piece of stream) pieces.push(piece);
      answer(stream, headers, Buffer.concat(pieces));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return health;
  }

  get address() {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  /** The probe has left no connection. */
  async allClosed(): Promise<void> {
    while (this.#sessions.size > 0) await settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Answers with a message and trailers. */
function reply(body: Buffer | null, grpcStatus: string | null = '0'): Answer {
  return (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () =>
      grpcStatus === null ? stream.close() : stream.sendTrailers({ 'grpc-status': grpcStatus }),
    );
    stream.end(body ?? undefined);
  };
}

async function ask(answer: Answer, options: Partial<GrpcProbeOptions> = {}): Promise<ProbeResult> {
  await using server = await HealthServer.start(answer, options.tls !== undefined);
  const result = await createGrpcProbe({ ...defaults, ...options }, new FakeClock()).check(server.address, signal);
  await server.allClosed();
  return result;
}

describe('gRPC probe', () => {
  for (const [status, verdict, name] of [
    [1, 'success', 'SERVING'],
    [0, 'status', 'UNKNOWN'],
    [2, 'status', 'NOT_SERVING'],
    [3, 'status', 'SERVICE_UNKNOWN'],
    [9, 'status', 'status 9'],
  ] as const) {
    it(`takes ${name} as ${verdict}`, async () => {
      assert.deepEqual(await ask(reply(response(status))), { verdict, detail: `${name} in 0 ms` });
    });
  }

  it('reads past fields that it does not know, and takes an empty message as UNKNOWN', async () => {
    const message = [0x12, 2, 7, 7, 0x18, 0x80, 1, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x2d, 1, 2, 3, 4, 8, 1];
    assert.equal((await ask(reply(Buffer.from([0, 0, 0, 0, message.length, ...message])))).verdict, 'success');
    assert.equal((await ask(reply(Buffer.alloc(5)))).detail, 'UNKNOWN in 0 ms');
  });

  it('asks as the protocol wants, for the service, host and metadata that it is given', async () => {
    const seen: unknown[] = [];
    const note: Answer = (stream, headers, message) => {
      const { ':method': method, ':path': path, ':authority': authority, te } = headers;
      seen.push([method, path, authority, te, headers['content-type'], headers['grpc-timeout'], headers['x-one']]);
      seen.push([...message]);
      reply(response(1))(stream, headers, message);
    };
    await ask(note, { host: 'api.example', service: 'a.B', headers: ['X-One: 1'], timeoutMs: 1500 });
    const type = 'application/grpc';
    assert.deepEqual(seen, [
      ['POST', '/grpc.health.v1.Health/Check', 'api.example', 'trailers', type, '1500m', '1'],
      [0, 0, 0, 0, 5, 0x0a, 3, ...Buffer.from('a.B')],
    ]);
    seen.length = 0;
    await ask(note, { service: 'x'.repeat(200) });
    assert.deepEqual((seen[1] as number[]).slice(0, 9), [0, 0, 0, 0, 203, 0x0a, 0xc8, 1, 0x78]);
    seen.length = 0;
    await ask(note);
    assert.deepEqual(seen[1], [0, 0, 0, 0, 0]);
  });

  it('takes an error of gRPC as a failing status, also without a message', async () => {
    assert.deepEqual(await ask(reply(null, '12')), { verdict: 'status', detail: 'gRPC status 12 in 0 ms' });
    const only: Answer = (stream) => {
      stream.respond({ ':status': 200, 'grpc-status': '5', 'grpc-message': 'no such service' }, { endStream: true });
    };
    assert.deepEqual(await ask(only), { verdict: 'status', detail: 'gRPC status 5 (no such service) in 0 ms' });
  });

  it('takes an error of HTTP as a failing status', async () => {
    const result = await ask((stream) => stream.respond({ ':status': 503 }, { endStream: true }));
    assert.deepEqual(result, { verdict: 'status', detail: 'HTTP status 503 in 0 ms' });
  });

  for (const [what, body] of [
    ['is cut', Buffer.from([0, 0, 0, 0, 9, 8, 1])],
    ['is compressed', Buffer.from([1, 0, 0, 0, 2, 8, 1])],
    ['has no prefix', Buffer.from([8, 1])],
    ['holds a field that is cut', Buffer.from([0, 0, 0, 0, 3, 0x12, 9, 1])],
    ['holds a number without an end', Buffer.from([0, 0, 0, 0, 2, 8, 0x80])],
    ['holds a group', Buffer.from([0, 0, 0, 0, 1, 0x0b])],
    ['comes twice', Buffer.concat([response(1), response(1)])],
  ] as const) {
    it(`fails when the message ${what}`, async () => {
      assert.deepEqual(await ask(reply(body)), { verdict: 'tcp', detail: 'the answer is not a HealthCheckResponse' });
    });
  }

  it('fails when the answer is not finished', async () => {
    const expected = { verdict: 'tcp', detail: 'the answer ended without a grpc-status' };
    assert.deepEqual(await ask((stream) => stream.respond({ ':status': 200 }, { endStream: true })), expected);
    const reset = await ask((stream) => stream.close(2));
    assert.equal(reset.verdict, 'tcp');
    const gone = await ask((stream) => stream.session?.destroy());
    assert.equal(gone.verdict, 'tcp');
  });

  it('does not read an answer that does not end', async () => {
    const result = await ask((stream) => {
      stream.respond({ ':status': 200 });
      stream.write(Buffer.alloc(100_000));
    });
    assert.deepEqual(result, { verdict: 'tcp', detail: 'the answer is longer than 4096 bytes' });
  });

  it('fails when nobody listens, when the connection is cut and when what answers is not HTTP/2', async () => {
    const probe = createGrpcProbe(defaults, new FakeClock());
    assert.deepEqual(await probe.check(await closedPort(), signal), { verdict: 'tcp', detail: 'connection refused' });
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', 'SSH-2.0-OpenSSH_9\r\n', '\0\0\0\0\0\0\0\0\0']) {
      await using server = await RawServer.start((socket) => socket.write(answer, 'latin1'));
      assert.equal((await probe.check(server.address, signal)).verdict, 'tcp', JSON.stringify(answer));
      await server.allClosed();
    }
    await using server = await RawServer.start((socket) => socket.resetAndDestroy());
    assert.equal((await probe.check(server.address, signal)).verdict, 'tcp');
  });

  it('times out, and ends at once when it is aborted', async () => {
    const clock = new FakeClock();
    const probe = createGrpcProbe(defaults, clock);
    const asked: (() => void)[] = [];
    await using server = await HealthServer.start(() => asked.shift()?.());
    const next = () => new Promise<void>((resolve) => void asked.push(resolve));
    const reached = next();
    const checked = probe.check(server.address, signal);
    await reached;
    clock.advance(20_000);
    assert.deepEqual(await checked, { verdict: 'timeout', detail: 'no answer within 20000 ms' });
    const abort = new AbortController();
    const again = next();
    const second = probe.check(server.address, abort.signal);
    await again;
    abort.abort();
    assert.deepEqual(await second, { verdict: 'neutral', detail: 'aborted' });
    assert.equal(clock.pending, 0);
    await server.allClosed();
  });

  it('speaks TLS, and minds the certificate', async () => {
    const tls = { verify: true, serverName: 'node.example', ca: TEST_CERTIFICATE };
    assert.deepEqual(await ask(reply(response(1)), { tls }), { verdict: 'success', detail: 'SERVING in 0 ms' });
    const untrusted = await ask(reply(response(1)), { tls: { ...tls, ca: null } });
    assert.equal(untrusted.verdict, 'tcp');
    assert.match(untrusted.detail, /self-signed/);
  });
});
