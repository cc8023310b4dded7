import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createHttpProbe, type HttpProbeOptions } from '../../../src/health/probes/http.ts';
import type { ProbeResult } from '../../../src/health/types.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { RawServer } from './raw-server.ts';

const signal = new AbortController().signal;
const defaults: HttpProbeOptions = {
  timeoutMs: 2000,
  tls: null,
  method: 'GET',
  path: '/',
  host: null,
  headers: [],
  healthyStatuses: [200],
  unhealthyStatuses: [500],
  expectBody: 'fine$',
  bodyLimit: 1000,
};
const MATCH: ProbeResult = { verdict: 'success', detail: '200 in 0 ms, the body matches' };
const MISMATCH: ProbeResult = { verdict: 'status', detail: '200 in 0 ms, but the body does not match' };
const EARLY: ProbeResult = { verdict: 'tcp', detail: 'connection closed before the answer was complete' };
const MALFORMED: ProbeResult = { verdict: 'tcp', detail: '200 in 0 ms, but the chunks of the body are malformed' };

const keep = () => {};
const close = (socket: Socket) => socket.end();

/** What the probe makes of an answer that comes whole, and again of the same that comes byte by byte. */
async function ask(
  answer: string,
  after: (socket: Socket) => void,
  options: Partial<HttpProbeOptions> = {},
): Promise<ProbeResult> {
  const results: ProbeResult[] = [];
  for (const pieces of [[answer], [...answer]]) {
    await using server = await RawServer.start(async (socket) => {
      for (const piece of pieces) {
        socket.write(piece, 'latin1');
        await new Promise((resolve) => setImmediate(resolve));
      }
      after(socket);
    });
    const probe = createHttpProbe({ ...defaults, ...options }, new FakeClock());
    results.push(await probe.check(server.address, signal));
    await server.allClosed();
  }
  assert.deepEqual(results[0], results[1]);
  return results[0]!;
}

describe('HTTP probe: body', () => {
  it('ends by its length, on a connection that stays open', async () => {
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nI am fine', keep), MATCH);
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\ncontent-length:9\r\n\r\nI am done', keep), MISMATCH);
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine and more', keep), MATCH);
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', keep), MISMATCH);
  });

  it('ends with the connection when no length is told', async () => {
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\n\r\nI am fine', close), MATCH);
    assert.deepEqual(await ask('HTTP/1.0 200 OK\r\n\r\nfine, thank you', close), MISMATCH);
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\n\r\n', close), MISMATCH);
  });

  it('may come in chunks, and a match may go over their borders', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    assert.deepEqual(await ask(`${head}6\r\nI am f\r\n3;x=y\r\nine\r\n0\r\n\r\n`, keep), MATCH);
    assert.deepEqual(await ask(`${head}A\r\nI am fine.\r\n0\r\nTrailer: fine\r\n\r\n`, keep), MISMATCH);
    assert.deepEqual(await ask(`${head}4\nfine\n0\n\n`, keep), MATCH);
  });

  it('with chunks that are not well formed is a failure', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    for (const chunks of ['fine\r\n', '4\r\nfine.\r\n0\r\n', '-4\r\nfine\r\n', `${'0'.repeat(300)}4\r\n`, '\r\n']) {
      assert.deepEqual(await ask(head + chunks, keep), MALFORMED, JSON.stringify(chunks));
    }
  });

  it('that is cut short is a failure', async () => {
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nI am fine', close), EARLY);
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n', close), EARLY);
  });

  it('is read no further than to the match', async () => {
    const found = await ask('HTTP/1.1 200 OK\r\n\r\nI am fine and', keep, { expectBody: 'fine' });
    assert.deepEqual(found, MATCH);
  });

  it('is read no further than to its limit', async () => {
    const limited: ProbeResult = { verdict: 'status', detail: '200 in 0 ms, but the first 6 bytes do not match' };
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\n\r\n......fine', keep, { bodyLimit: 6 }), limited);
    assert.deepEqual(await ask('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n..fine', keep, { bodyLimit: 6 }), MATCH);
  });

  it('that does not end is not read to the end', async () => {
    await using server = await RawServer.start((socket) => server.pour(socket, 'HTTP/1.1 200 OK\r\n\r\n'));
    const result = await createHttpProbe({ ...defaults, bodyLimit: 100_000 }).check(server.address, signal);
    assert.match(result.detail, /the first 100000 bytes do not match/);
    await server.allClosed();
    assert.ok(server.poured < 50e6, `${server.poured} bytes were taken`);
  });

  it('that stops in the middle is a timeout', async () => {
    const clock = new FakeClock();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using server = await RawServer.start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nI am', () => resolve());
    });
    const checked = createHttpProbe(defaults, clock).check(server.address, signal);
    await asked;
    await settle();
    clock.advance(2000);
    assert.deepEqual(await checked, { verdict: 'timeout', detail: 'no answer within 2000 ms' });
    await server.allClosed();
  });

  it('does not matter when the status is no success', async () => {
    assert.deepEqual(await ask('HTTP/1.1 500 No\r\n\r\nfine', keep), { verdict: 'status', detail: '500 in 0 ms' });
    assert.deepEqual(await ask('HTTP/1.1 404 No\r\n\r\nfine', keep), { verdict: 'neutral', detail: '404 in 0 ms' });
  });

  it('is empty in an answer to HEAD and with a 204', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n';
    assert.deepEqual(await ask(head, keep, { method: 'HEAD', expectBody: '^$' }), MATCH);
    const nothing = await ask('HTTP/1.1 204 OK\r\n\r\n', keep, { healthyStatuses: [204], expectBody: '^$' });
    assert.equal(nothing.verdict, 'success');
  });

  it('of the server of Node.js is read, in chunks and whole, asked for by any method', async () => {
    const asked: unknown[] = [];
    const server = createServer((request, response) => {
      asked.push(request.method);
      if (request.url === '/chunked') response.write('I am ');
      else response.setHeader('content-length', 9);
      response.end(request.url === '/chunked' ? 'fine' : 'I am fine');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = { host: '127.0.0.1', port: (server.address() as { port: number }).port };
    for (const [path, method] of [
      ['/chunked', 'GET'],
      ['/whole', 'POST'],
    ] as const) {
      const probe = createHttpProbe({ ...defaults, path, method });
      assert.equal((await probe.check(address, signal)).verdict, 'success');
    }
    assert.deepEqual(asked, ['GET', 'POST']);
    server.close();
    await once(server, 'close');
  });
});

describe('HTTP probe: what cannot be asked', () => {
  it('is refused when the probe is made', () => {
    assert.throws(() => createHttpProbe({ ...defaults, method: 'GET /' }), /is not a method/);
    assert.throws(() => createHttpProbe({ ...defaults, expectBody: '(' }), /"\(" without a "\)"/);
  });
});
