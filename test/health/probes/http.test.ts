import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createHttpProbe, type HttpProbeOptions } from '../../../src/health/probes/http.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { closedPort, RawServer } from './raw-server.ts';

const defaults: HttpProbeOptions = {
  timeoutMs: 2000,
  tls: null,
  method: 'GET',
  path: '/healthz',
  host: null,
  headers: [],
  healthyStatuses: [200, 302],
  unhealthyStatuses: [404, 500, 503],
  expectBody: null,
  bodyLimit: 1000,
};
const signal = new AbortController().signal;
const probe = (options: Partial<HttpProbeOptions> = {}, clock = new FakeClock()) =>
  createHttpProbe({ ...defaults, ...options }, clock);

/** Probes a server that answers with these bytes, each piece in a packet of its own. */
async function ask(pieces: readonly string[], after: (socket: Socket) => void = () => {}) {
  await using server = await RawServer.start(async (socket) => {
    for (const piece of pieces) {
      socket.write(piece, 'latin1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    after(socket);
  });
  const result = await probe().check(server.address, signal);
  await server.allClosed();
  return result;
}

describe('HTTP probe: statuses', () => {
  for (const [status, verdict] of [
    [200, 'success'],
    [302, 'success'],
    [404, 'status'],
    [500, 'status'],
    [204, 'neutral'],
    [401, 'neutral'],
    [101, 'neutral'],
  ] as const) {
    it(`takes ${status} as ${verdict}`, async () => {
      const result = await ask([`HTTP/1.1 ${status} Whatever\r\nContent-Length: 0\r\n\r\n`]);
      assert.deepEqual(result, { verdict, detail: `${status} in 0 ms` });
    });
  }

  it('works with the server of Node.js, and leaves it no connection', async () => {
    const requests: unknown[] = [];
    const server = createServer((request, response) => {
      requests.push([request.method, request.url, request.headers]);
      response.end('fine');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const result = await probe().check({ host: '127.0.0.1', port }, signal);
    assert.equal(result.verdict, 'success');
    assert.deepEqual(requests, [
      [
        'GET',
        '/healthz',
        { host: `127.0.0.1:${port}`, 'user-agent': 'headgate-check', accept: '*/*', connection: 'close' },
      ],
    ]);
    server.close();
    await once(server, 'close');
  });
});

describe('HTTP probe: request', () => {
  async function requestOf(options: Partial<HttpProbeOptions>): Promise<string[]> {
    await using server = await RawServer.start((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    await probe(options).check(server.address, signal);
    assert.ok(server.heard.endsWith('\r\n\r\n'));
    return server.heard.replaceAll(`:${server.address.port}`, ':PORT').split('\r\n').slice(0, -2);
  }

  it('carries the path, the host and the header lines that were asked for', async () => {
    assert.deepEqual(await requestOf({ path: '/a?b=c', host: 'api.example.com', headers: ['X-One: 1', 'X-Two:2'] }), [
      'GET /a?b=c HTTP/1.1',
      'Host: api.example.com',
      'User-Agent: headgate-check',
      'Accept: */*',
      'Connection: close',
      'X-One: 1',
      'X-Two:2',
    ]);
  });

  it('carries no second Host or User-Agent', async () => {
    assert.deepEqual(await requestOf({ headers: ['host: other', 'USER-AGENT: me'] }), [
      'GET /healthz HTTP/1.1',
      'Accept: */*',
      'Connection: close',
      'host: other',
      'USER-AGENT: me',
    ]);
  });

  for (const path of ['', 'x', '/a b', '/a\r\nX: y', '/ü']) {
    it(`refuses the path ${JSON.stringify(path)}`, () => assert.throws(() => probe({ path }), /is not a path/));
  }

  for (const line of ['', 'no colon', ': x', 'a b: c', 'a: b\r\nc: d', 'a: b\n']) {
    it(`refuses the header line ${JSON.stringify(line)}`, () => {
      assert.throws(() => probe({ headers: [line] }), /is not a header line/);
    });
  }
});

describe('HTTP probe: answers', () => {
  it('may come byte by byte, after interim ones', async () => {
    const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 503\r\nA: b\r\n\r\n';
    assert.equal((await ask([...text])).verdict, 'status');
    assert.equal((await ask([text])).verdict, 'status');
  });

  it('are read to the end of the head only', async () => {
    await using server = await RawServer.start((socket) => server.pour(socket, 'HTTP/1.1 200 OK\r\n\r\n'));
    assert.equal((await probe().check(server.address, signal)).verdict, 'success');
    await server.allClosed();
    assert.ok(server.poured < 50e6, `${server.poured} bytes were taken`);
  });

  it('with a head that does not end are refused', async () => {
    const expected = { verdict: 'tcp', detail: 'the head of the answer is longer than 16384 bytes' };
    const line = `X-Pad: ${'a'.repeat(1000)}\r\n`;
    assert.deepEqual(await ask(['HTTP/1.1 200 OK\r\n', line.repeat(5), line.repeat(5), line.repeat(10)]), expected);
    assert.deepEqual(await ask([`HTTP/1.1 200 OK\r\n${line.repeat(20)}\r\n`]), expected);
    assert.deepEqual(await ask([`HTTP/1.1 200 ${'x'.repeat(20_000)}`]), expected);
    assert.deepEqual(await ask(['HTTP/1.1 100 Go on\r\n\r\n'.repeat(1000)]), expected);
  });

  for (const garbage of [
    'SSH-2.0-OpenSSH_9\r\n',
    'HTTP/2.0 200 OK\r\n',
    'HTTP/1.1 20 OK\r\n',
    'HTTP/1.1 2000\r\n',
    '\r\n',
    '\x15\x03\x01\x00\x02\x02',
    'HTTP/1.x',
  ]) {
    it(`that begin with ${JSON.stringify(garbage)} are not HTTP`, async () => {
      const result = await ask([garbage]);
      assert.equal(result.verdict, 'tcp');
      assert.match(result.detail, /^the answer is not HTTP\/1: "/);
    });
  }

  it('that end early are failures', async () => {
    const expected = { verdict: 'tcp', detail: 'connection closed before the answer was complete' };
    assert.deepEqual(await ask([], (socket) => socket.end()), expected);
    assert.deepEqual(await ask(['HTTP/1.1 200 OK\r\nA: b'], (socket) => socket.end()), expected);
  });

  it('cut by a reset are failures', async () => {
    const expected = { verdict: 'tcp', detail: 'connection reset' };
    assert.deepEqual(await ask([], (socket) => socket.resetAndDestroy()), expected);
    assert.deepEqual(await ask(['HTTP/1.1 200'], (socket) => socket.resetAndDestroy()), expected);
  });
});

describe('HTTP probe: no answer', () => {
  it('from a port on which nobody listens is a failure', async () => {
    assert.deepEqual(await probe().check(await closedPort(), signal), { verdict: 'tcp', detail: 'connection refused' });
  });

  for (const [kind, start] of [
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nA: b\r\n'],
  ] as const) {
    it(`in time is a timeout: ${kind}`, async () => {
      const clock = new FakeClock();
      const { promise: asked, resolve } = Promise.withResolvers<void>();
      await using server = await RawServer.start((socket) => {
        socket.write(start, 'latin1', () => resolve());
      });
      const checked = probe({}, clock).check(server.address, signal);
      await asked;
      await settle();
      clock.advance(1999);
      assert.equal(clock.pending, 1);
      clock.advance(1);
      assert.deepEqual(await checked, { verdict: 'timeout', detail: 'no answer within 2000 ms' });
      assert.equal(clock.pending, 0);
      await server.allClosed();
    });
  }
});
