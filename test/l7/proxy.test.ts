import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { ListenerField, NodeField, RouteField } from '../../src/telemetry/counters.ts';
import { NO_ROUTE } from '../../src/upstream/plan.ts';
import { plainBackend } from '../support/http-backend.ts';
import { startProxy, TestPlane, turns, until } from '../support/plane.ts';
import { deadPort } from '../support/tcp-backend.ts';

describe('HTTP proxy', () => {
  it('forwards a GET and relays the answer', async (t) => {
    const { client, backend, plane } = await startProxy(t);
    const response = await client.get('/a/b?c=d', 'X-Test: 1\r\n');
    assert.equal(response.status, 200);
    assert.equal(String(response.body), 'GET /a/b?c=d 0');
    const request = backend.requests[0]!;
    assert.match(request.head, /^GET \/a\/b\?c=d HTTP\/1\.1\r\nHost: test\r\n/);
    assert.equal(request.fields.get('x-test'), '1');
    assert.equal(request.fields.get('x-forwarded-for'), '127.0.0.1');
    assert.equal(request.fields.get('connection'), undefined);
    await until(() => plane.statusCount(200) === 1);
  });

  it('forwards a POST with its body in one piece and in many', async (t) => {
    const { client, backend } = await startProxy(t);
    const post = 'POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 11';
    assert.equal(String((await client.request(post, 'hello world')).body), 'POST /p 11');
    client.write(`${post}\r\n\r\nhel`);
    await backend.arrived(2);
    client.write('lo wo');
    await until(() => backend.requests[1]!.rawBody.length === 8);
    client.write('rld');
    assert.equal(String((await client.response()).body), 'POST /p 11');
    assert.deepEqual(
      backend.requests.map((request) => String(request.rawBody)),
      ['hello world', 'hello world'],
    );
  });

  it('serves a head that comes byte by byte', async (t) => {
    const { client } = await startProxy(t);
    for (const byte of 'GET /slow HTTP/1.1\r\nHost: test\r\n\r\n') {
      client.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(String((await client.response()).body), 'GET /slow 0');
  });

  it('relays an answer whose head and body come byte by byte', async (t) => {
    const { client } = await startProxy(t, [
      async (request) => {
        for (const byte of 'HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello') {
          request.write(byte);
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    ]);
    for (let round = 0; round < 2; round++) {
      const response = await client.get('/');
      assert.equal(response.fields.get('x-a'), 'b');
      assert.equal(String(response.body), 'hello');
    }
  });

  it('spreads requests over the nodes', async (t) => {
    const { client, backends } = await startProxy(t, [plainBackend, plainBackend]);
    for (let i = 0; i < 4; i++) await client.get('/');
    assert.deepEqual(
      backends.map((backend) => backend.requests.length),
      [2, 2],
    );
  });

  it('gives HEAD, 204 and 304 no body, and goes on with the connection', async (t) => {
    const { client } = await startProxy(t, [
      (request) => {
        if (request.method === 'HEAD') request.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n');
        else if (request.target === '/204') request.write('HTTP/1.1 204 No Content\r\n\r\n');
        else request.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: "x"\r\n\r\n');
      },
    ]);
    const head = await client.request('HEAD / HTTP/1.1\r\nHost: test');
    assert.equal(head.fields.get('content-length'), '10');
    assert.equal((await client.get('/204')).status, 204);
    assert.equal((await client.get('/304')).fields.get('etag'), '"x"');
    assert.equal(client.received.length, 0);
  });

  it('answers 404 without a route and 503 without a node, in JSON, and keeps the connection', async (t) => {
    const { client, plane } = await startProxy(t, [plainBackend], { route: { uris: ['/in/*'] }, nodes: [] });
    const unrouted = await client.get('/out');
    assert.equal(unrouted.status, 404);
    assert.equal(unrouted.fields.get('content-type'), 'application/json');
    assert.deepEqual(Object.keys(JSON.parse(String(unrouted.body))), ['error_msg']);
    assert.equal((await client.get('/in/x')).status, 503);
    const head = await client.request('HEAD /out HTTP/1.1\r\nHost: test');
    assert.equal(head.status, 404);
    assert.equal(client.received.length, 0);
    assert.equal(plane.statusCount(503), 1);
    assert.equal(plane.statusCount(404, NO_ROUTE), 2, 'requests that no route took are counted too');
  });

  it('refuses a malformed head, counts it, and closes so that the answer can be read', async (t) => {
    const { client, plane, backend } = await startProxy(t);
    client.write('GET / HTTP/1.1\r\nHost : test\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n');
    const response = await client.response();
    assert.equal(response.status, 400);
    assert.equal(response.fields.get('connection'), 'close');
    assert.equal(await client.ended(), 'fin');
    assert.equal(plane.listenerCount(ListenerField.badRequests), 1);
    assert.equal(backend.requests.length, 0);
  });

  it('refuses a head after a HEAD request with a body in the answer', async (t) => {
    const { client } = await startProxy(t);
    await client.request('HEAD / HTTP/1.1\r\nHost: test');
    client.write('GARBAGE\r\n\r\n');
    const response = await client.response();
    assert.equal(response.status, 400);
    assert.match(String(response.body), /error_msg/);
  });

  it('counts requests, bytes, retries and outcomes', async (t) => {
    const { client, plane, backend } = await startProxy(t);
    await client.request('POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 5', 'hello');
    await client.get('/status/500');
    await until(() => plane.statusCount(500) === 1);
    assert.equal(plane.statusCount(200), 1);
    assert.equal(plane.routeCount(RouteField.requestBytes), 5);
    assert.equal(plane.routeCount(RouteField.responseBytes), 'POST /p 5'.length + 'status'.length);
    assert.equal(plane.listenerCount(ListenerField.requests), 2);
    assert.equal(plane.listenerCount(ListenerField.accepted), 1);
    assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.success), 1);
    assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.serverError), 1);
    assert.equal(plane.nodeCount(backend.address, NodeField.connects), 1);
    assert.ok(plane.table.latency(plane.slotOf(backend.address)) > 0);
    assert.ok(plane.nodeCount(backend.address, NodeField.sentBytes) > 5);
    assert.ok(plane.nodeCount(backend.address, NodeField.receivedBytes) > 5);
  });

  it('writes an access log entry with the tries and the end', async (t) => {
    const { client, plane, backend } = await startProxy(t);
    plane.setNodes([{ host: '127.0.0.1', port: await deadPort() }, backend.address]);
    await client.get('/a?secret=1');
    await client.get('/b');
    await until(() => plane.entries.length === 2);
    const entry = plane.entries.find((candidate) => candidate.tries.length === 2)!;
    assert.deepEqual(
      entry.tries.map((one) => one.outcome),
      ['connectFailure', 'success'],
    );
    assert.equal(plane.entries[0]!.path, '/a');
    assert.equal(entry.status, 200);
    assert.equal(entry.route, 'r1');
    assert.equal(entry.upstream, 'test');
    assert.equal(entry.client, '127.0.0.1');
    assert.deepEqual(entry.end, { by: 'self', phase: 'done', cause: null });
  });

  it('shows the node the host that the upstream asks for', async (t) => {
    const { client, plane, backend } = await startProxy(t);
    const seen = async (): Promise<string | undefined> => {
      await client.get('/');
      return backend.requests.at(-1)!.fields.get('host');
    };
    assert.equal(await seen(), 'test');
    plane.setNodes([backend.address], { passHost: 'node' });
    assert.equal(await seen(), `127.0.0.1:${backend.address.port}`);
    plane.setNodes([backend.address], { passHost: 'rewrite', upstreamHost: 'inner.example' });
    assert.equal(await seen(), 'inner.example');
  });

  it('follows a changed snapshot from the next request on', async (t) => {
    const { client, plane, backends } = await startProxy(t, [plainBackend, plainBackend]);
    plane.setNodes([backends[0]!.address]);
    await client.get('/');
    plane.setNodes([backends[1]!.address]);
    await client.get('/');
    assert.deepEqual(
      backends.map((backend) => backend.requests.length),
      [1, 1],
    );
    plane.setRoutes([{ uris: ['/only'] }]);
    assert.equal((await client.get('/')).status, 404);
    assert.equal((await client.get('/only')).status, 200);
  });

  it('names the address and the remedy when it cannot listen', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const plane = new TestPlane({ listener: { address: { host: '127.0.0.1', port } } });
    t.after(() => plane.close());
    await assert.rejects(plane.start(), (error: unknown) => {
      assert.ok(error instanceof HeadgateError);
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*in use.*listen`));
      return true;
    });
  });

  it('closes what comes above the limit of connections, and counts it', async (t) => {
    const { client, connect, plane } = await startProxy(t, [plainBackend], { listener: { maxConnections: 1 } });
    const second = await connect();
    await second.ended();
    assert.equal((await client.get('/')).status, 200);
    assert.equal(plane.listenerCount(ListenerField.refused), 1);
    client.close();
    await until(() => plane.listener.connections === 0);
    assert.equal((await (await connect()).get('/')).status, 200);
  });

  it('confines a bug to the request that it hits, and reports it once', async (t) => {
    const { connect, client, plane, backend } = await startProxy(t);
    const upstream = plane.snapshots.current.upstreams.get('test')!;
    upstream.pick = () => {
      throw new Error('planted');
    };
    assert.equal((await client.get('/')).status, 500);
    assert.equal((await (await connect()).get('/')).status, 500);
    plane.setNodes([backend.address]);
    assert.equal((await (await connect()).get('/')).status, 200);
    assert.equal(plane.errors.length, 1);
    plane.expectedErrors = plane.errors;
  });

  it('survives mutilated messages from both sides, and leaks nothing', async (t) => {
    const random = seededRandom(7);
    const requests = [
      'GET /a HTTP/1.1\r\nHost: t\r\n\r\n',
      'POST /b HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello',
      'POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      'GET /d HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    ];
    const responses = [
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes',
      'HTTP/1.0 200 OK\r\n\r\nuntil the end',
    ];
    const mutilated = (texts: readonly string[]): Buffer => {
      const bytes = Buffer.from(texts.map((text) => (random.next() < 0.5 ? text : '')).join('') || texts[0]!, 'latin1');
      for (let edits = random.below(3); edits > 0; edits--) bytes[random.below(bytes.length)] = random.below(256);
      return bytes.subarray(0, random.next() < 0.3 ? random.below(bytes.length) : bytes.length);
    };
    const { connect, plane, backend } = await startProxy(
      t,
      [
        (request) => {
          request.write(mutilated(responses));
          const end = random.below(3);
          if (end === 0) request.socket.end();
          else if (end === 1) request.socket.resetAndDestroy();
        },
      ],
      { route: { websocket: true } },
    );
    for (let round = 0; round < 300; round++) {
      const client = await connect();
      for (let writes = 1 + random.below(3); writes > 0; writes--) client.write(mutilated(requests));
      await turns(random.below(3));
      const end = random.below(3);
      if (end === 0) client.socket.end();
      else if (end === 1) client.socket.resetAndDestroy();
      else client.close();
      client.socket.resume();
      if (round % 10 === 0) for (const socket of backend.sockets) socket.destroy();
    }
    assert.deepEqual(plane.errors, []);
    backend.handler = plainBackend;
    const after = await connect();
    await after.get('/heal', 'Connection: close\r\n');
  });
});
