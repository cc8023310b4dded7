import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLAIN_LISTENER } from '../../src/l4/listener.ts';
import { writeProxyHeader } from '../../src/l4/write-proxy-header.ts';
import { plainBackend } from '../support/http-backend.ts';
import { startProxy } from '../support/plane.ts';

const PEERS = { remoteAddress: '192.0.2.7', remotePort: 51000, localAddress: '198.51.100.1', localPort: 443 };
const GET = 'GET / HTTP/1.1\r\nHost: t\r\n\r\n';
const listener = { options: { ...PLAIN_LISTENER, proxies: ['127.0.0.1'] } };

test('requests behind a PROXY header come from the client that it names', async (t) => {
  const { client, backend } = await startProxy(t, [plainBackend], { listener });
  client.write(Buffer.concat([writeProxyHeader(2, PEERS), Buffer.from(GET)]));
  assert.equal((await client.response()).status, 200);
  client.write(GET);
  assert.equal((await client.response()).status, 200);
  for (const request of backend.requests) {
    assert.match(request.head, /\r\nX-Forwarded-For: 192\.0\.2\.7\r\n/);
    assert.match(request.head, /\r\nX-Real-IP: 192\.0\.2\.7\r\n/);
    assert.match(request.head, /\r\nX-Forwarded-Port: 443\r\n/);
  }
  assert.equal(backend.requests.length, 2);
});

test('its address is what a route and the trust in X-Forwarded-For go by', async (t) => {
  const { client } = await startProxy(t, [plainBackend], { listener, route: { remoteAddrs: ['192.0.2.0/24'] } });
  client.write(Buffer.concat([writeProxyHeader(1, PEERS), Buffer.from(GET)]));
  assert.equal((await client.response()).status, 200);
});

test('a request without the header is refused', async (t) => {
  const { client, backend, plane } = await startProxy(t, [plainBackend], { listener });
  plane.expectedErrors.push('listener.proxy-header: from 127.0.0.1: it does not begin with a PROXY header');
  client.write(GET);
  assert.equal(await client.ended(), 'reset');
  assert.equal(backend.requests.length, 0);
});
