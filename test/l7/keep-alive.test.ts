import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { plainBackend } from '../support/http-backend.ts';
import { startProxy, turns, until } from '../support/plane.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: test\r\n\r\n';

describe('HTTP keep-alive towards clients', () => {
  it('serves request after request on one connection, over one connection to the node', async (t) => {
    const { client, backend, plane } = await startProxy(t);
    for (let i = 0; i < 5; i++) assert.equal((await client.get(`/${i}`)).status, 200);
    assert.equal(backend.accepted, 1);
    assert.equal(plane.listener.connections, 1);
  });

  it('serves pipelined requests in order, one at a time', async (t) => {
    const pending: (() => void)[] = [];
    const { client, backend } = await startProxy(t, [
      (request) => void pending.push(() => request.reply(200, request.target)),
    ]);
    client.write(
      'GET /1 HTTP/1.1\r\nHost: t\r\n\r\nPOST /2 HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: t\r\n\r\n',
    );
    for (const path of ['/1', '/2', '/3']) {
      await until(() => pending.length === 1);
      assert.equal(backend.requests.length, Number(path.slice(1)));
      pending.pop()!();
      assert.equal(String((await client.response()).body), path);
    }
  });

  it('serves hundreds of pipelined requests that are answered at once', async (t) => {
    const { client } = await startProxy(t, [plainBackend], { route: { uris: ['/none'] } });
    client.write(GET.repeat(500));
    for (let i = 0; i < 500; i++) assert.equal((await client.response()).status, 404);
  });

  it('stops to read from a client that pipelines without end', async (t) => {
    const { client, backend, plane } = await startProxy(t, [() => {}]);
    client.write(Buffer.from(GET.repeat(200_000)));
    await backend.arrived(1);
    const received = (): number => plane.listenerCount(ListenerField.receivedBytes);
    for (let before = -1; before !== received(); await turns(20)) before = received();
    assert.ok(received() < 256 * 1024, `${received()} bytes were read`);
    assert.ok(client.socket.writableLength > 0, 'the kernel holds the rest back');
    assert.equal(backend.requests.length, 1);
  });

  it('serves no further a client that pipelines and does not read the answers', async (t) => {
    const { client, backend } = await startProxy(t, [(request) => void request.reply(200, 'x'.repeat(60_000))]);
    client.socket.pause();
    client.write(Buffer.from(GET.repeat(2000)));
    await backend.arrived(5);
    for (let before = -1; before !== backend.requests.length; await turns(20)) before = backend.requests.length;
    assert.ok(backend.requests.length < 1000, `${backend.requests.length} were served`);
    client.socket.resume();
    for (let i = 0; i < 2000; i++) assert.equal((await client.response()).body.length, 60_000);
  });

  it('closes after an answer when the client asks for it', async (t) => {
    const { client } = await startProxy(t);
    const response = await client.get('/', 'Connection: close\r\n');
    assert.equal(response.fields.get('connection'), 'close');
    assert.equal(await client.ended(), 'fin');
  });

  it('closes after an HTTP/1.0 request, unless that asks for keep-alive', async (t) => {
    const { client, connect } = await startProxy(t);
    const kept = await client.request('GET / HTTP/1.0\r\nHost: t\r\nConnection: keep-alive');
    assert.equal(kept.fields.get('connection'), 'keep-alive');
    assert.equal((await client.get('/')).status, 200);
    const second = await connect();
    assert.equal((await second.request('GET / HTTP/1.0')).status, 200);
    assert.equal(await second.ended(), 'fin');
  });

  it('answers a request whose client has sent its FIN behind it', async (t) => {
    const answer: (() => void)[] = [];
    const { client } = await startProxy(t, [(request) => void answer.push(() => request.reply(200, 'late'))]);
    client.write(GET + GET);
    client.socket.end();
    for (let i = 0; i < 2; i++) {
      await until(() => answer.length === 1);
      answer.pop()!();
      assert.equal(String((await client.response()).body), 'late');
    }
    assert.equal(await client.ended(), 'fin');
  });

  it('keeps the connection after a request that it answered itself when the body was all there', async (t) => {
    const { client } = await startProxy(t, [plainBackend], { route: { uris: ['/in'] } });
    const refused = await client.request('POST /out HTTP/1.1\r\nHost: t\r\nContent-Length: 3', 'abc');
    assert.equal(refused.status, 404);
    assert.equal(refused.fields.get('connection'), undefined);
    assert.equal((await client.get('/in')).status, 200);
  });

  it('closes after an answer of its own when the body is still on its way, and the client can read it', async (t) => {
    const { client, backend } = await startProxy(t, [plainBackend], { route: { uris: ['/in'] } });
    client.write('POST /out HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\nabc');
    const response = await client.response();
    assert.equal(response.fields.get('connection'), 'close');
    client.write('x'.repeat(50_000));
    client.write('GET /in HTTP/1.1\r\nHost: t\r\n\r\n');
    assert.equal(await client.ended(), 'fin');
    assert.equal(backend.requests.length, 0);
  });
});
