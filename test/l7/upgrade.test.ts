import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { ListenerField, NodeField, RouteField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type BackendHandler, plainBackend } from '../support/http-backend.ts';
import { type Fixture, startProxy, turns, until } from '../support/plane.ts';

const HANDSHAKE =
  'GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Node: 1\r\n\r\n';

/** Switches, and after that is an echo. */
const switches: BackendHandler = (request) => {
  request.write(SWITCH);
  request.socket.removeAllListeners('data');
  request.socket.on('data', (chunk) => request.socket.write(chunk));
};

async function wsProxy(t: TestContext, handler: BackendHandler = switches): Promise<Fixture> {
  return await startProxy(t, [handler], { route: { websocket: true } });
}

describe('WebSocket upgrade', () => {
  it('carries a real WebSocket both ways, and its close', async (t) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    t.after(() => server.close());
    await once(server, 'listening');
    server.on('connection', (socket) =>
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
    );
    const { client, port, plane } = await startProxy(t, [], { route: { websocket: true } });
    client.close();
    plane.setNodes([{ host: '127.0.0.1', port: (server.address() as { port: number }).port }]);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    await once(socket, 'open');
    for (const size of [0, 1, 125, 126, 65_536, 1_000_000]) {
      const sent = Buffer.alloc(size, size % 251);
      socket.send(sent);
      const [received] = (await once(socket, 'message')) as [Buffer];
      assert.ok(sent.equals(received));
    }
    assert.equal(plane.inflight, 1);
    assert.equal(plane.users, 0, 'a tunnel does not hold the snapshot');
    socket.close(1000);
    const [code] = await once(socket, 'close');
    assert.equal(code, 1000);
    await until(() => plane.inflight === 0 && plane.listener.connections === 0);
    assert.equal(plane.statusCount(101), 1);
    assert.equal(plane.listenerCount(ListenerField.upgrades), 1);
    assert.ok(plane.routeCount(RouteField.responseBytes) > 1_000_000);
    assert.equal(plane.entries[0]?.protocol, 'websocket');
    assert.equal(plane.entries[0]?.status, 101);
    assert.ok(plane.entries[0]!.bytesIn > 1_000_000);
  });

  it('is cut when its node leaves and the upstream asks for that, and by nothing less', async (t) => {
    for (const closeAfter of [0, null]) {
      const stream = { proxyProtocol: 0, tls: null, closeAfter } as const;
      const options = { route: { websocket: true }, upstream: { stream } };
      const { client, plane, backends } = await startProxy(t, [switches, switches], options);
      client.write(HANDSHAKE);
      assert.equal((await client.response()).status, 101);
      plane.setNodes(backends.map(({ address }) => ({ ...address, weight: 2 })));
      client.write('reloaded');
      await client.take(() => 8);
      plane.setNodes(backends.filter(({ requests }) => requests.length === 0).map(({ address }) => address));
      if (closeAfter === null) {
        client.write('finish');
        await client.take(() => 6);
        continue;
      }
      assert.equal(await client.ended(), 'reset');
      await until(() => plane.inflight === 0);
      assert.deepEqual(plane.entries[0]?.end, { by: 'self', phase: 'tunnel', cause: 'NODE_GONE' });
    }
  });

  it('sends no byte behind the head to the node before the 101', async (t) => {
    let answer = () => {};
    const { client, backend } = await wsProxy(t, (request) => {
      answer = () => void switches(request);
    });
    client.write(`${HANDSHAKE}GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n`);
    const request = await backend.arrived(1);
    let early = 0;
    request.socket.on('data', (chunk: Buffer) => {
      early += chunk.length;
    });
    await turns(20);
    assert.equal(early, 0);
    assert.equal(request.fields.get('upgrade'), 'websocket');
    assert.equal(request.fields.get('connection'), 'Upgrade');
    answer();
    const response = await client.response();
    assert.equal(response.status, 101);
    assert.equal(response.fields.get('upgrade'), 'websocket');
    assert.equal(response.fields.get('x-node'), '1');
    const echoed = await client.take((bytes) => (bytes.includes('\r\n\r\n') ? bytes.length : -1));
    assert.match(String(echoed), /^GET \/smuggled/);
  });

  it('relays what the node sends right behind its 101', async (t) => {
    const { client } = await wsProxy(t, (request) => void request.write(`${SWITCH}first frame`));
    client.write(HANDSHAKE);
    assert.equal((await client.response()).status, 101);
    assert.equal(String(await client.take(() => 11)), 'first frame');
  });

  it('relays an answer other than 101 as an ordinary one, and closes', async (t) => {
    const { client, backend } = await wsProxy(t, (request) => void request.reply(403, 'no'));
    client.write(`${HANDSHAKE}GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n`);
    const response = await client.response();
    assert.equal(response.status, 403);
    assert.equal(response.fields.get('connection'), 'close');
    assert.equal(await client.ended(), 'fin');
    assert.equal(backend.requests.length, 1);
  });

  it('answers 502 to a switch to something else', async (t) => {
    const { client } = await wsProxy(t, (request) => void request.write(SWITCH.replace('websocket', 'h2c')));
    client.write(HANDSHAKE);
    assert.equal((await client.response()).status, 502);
  });

  it('forwards the request without the upgrade where the route has no WebSocket', async (t) => {
    const { client, backend } = await startProxy(t, [plainBackend]);
    client.write(HANDSHAKE);
    assert.equal((await client.response()).status, 200);
    assert.equal(backend.requests[0]!.fields.get('upgrade'), undefined);
    assert.equal((await client.get('/next')).status, 200);
  });

  it('never forwards an upgrade to h2c', async (t) => {
    const { client, backend } = await wsProxy(t, plainBackend);
    await client.get('/', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n');
    assert.equal(backend.requests[0]!.fields.get('upgrade'), undefined);
    assert.equal(backend.requests[0]!.fields.get('http2-settings'), undefined);
  });

  it('counts each byte once at the listener and the node, also what came with the heads', async (t) => {
    const { client, backend, plane } = await wsProxy(t, (request) => {
      request.write(`${SWITCH}first`);
      request.socket.removeAllListeners('data');
      request.socket.on('data', (chunk) => request.socket.write(chunk));
    });
    client.write(`${HANDSHAKE}early`);
    const { head } = await client.response();
    await client.take(() => 'firstearly'.length);
    client.write('later');
    await client.take(() => 'later'.length);
    client.socket.end();
    await until(() => plane.entries.length === 1);
    assert.equal(plane.listenerCount(ListenerField.receivedBytes), HANDSHAKE.length + 'earlylater'.length);
    assert.equal(plane.listenerCount(ListenerField.sentBytes), head.length + 'firstearlylater'.length);
    assert.equal(
      plane.nodeCount(backend.address, NodeField.sentBytes),
      backend.requests[0]!.head.length + 'earlylater'.length,
    );
    assert.equal(plane.nodeCount(backend.address, NodeField.receivedBytes), SWITCH.length + 'firstearlylater'.length);
  });

  it('passes half-close on in both directions', async (t) => {
    const { client } = await wsProxy(t);
    client.write(HANDSHAKE);
    await client.response();
    client.write('last words');
    client.socket.end();
    assert.equal(String(await client.take(() => 10)), 'last words');
    assert.equal(await client.ended(), 'fin');
  });

  it('resets the client when the node resets, and counts the use out once', async (t) => {
    const { client, backend, plane } = await wsProxy(t);
    client.write(HANDSHAKE);
    await client.response();
    for (const socket of backend.sockets) socket.resetAndDestroy();
    assert.equal(await client.ended(), 'reset');
    await until(() => plane.inflight === 0);
    assert.deepEqual(plane.entries[0]?.end, { by: 'upstream', phase: 'tunnel', cause: 'ECONNRESET' });
  });

  it('cuts a tunnel that is silent for the read timeout', async (t) => {
    const clock = new FakeClock();
    const { client, plane } = await startProxy(t, [switches], {
      clock,
      route: { websocket: true },
      upstream: { timeouts: { connect: 1000, send: 1000, read: 5000 } },
    });
    client.write(HANDSHAKE);
    await client.response();
    clock.advance(4900);
    client.write('ping');
    await client.take(() => 4);
    clock.advance(4900);
    assert.equal(client.end, null);
    clock.advance(200);
    await client.ended();
    await until(() => plane.inflight === 0);
  });

  it('survives a change of nodes and routes', async (t) => {
    const { client, plane } = await wsProxy(t);
    client.write(HANDSHAKE);
    await client.response();
    plane.setNodes([]);
    plane.setRoutes([]);
    client.write('still here');
    assert.equal(String(await client.take(() => 10)), 'still here');
  });
});
