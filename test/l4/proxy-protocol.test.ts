import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { writeProxyHeader } from '../../src/l4/write-proxy-header.ts';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, plane } from '../support/tcp-fixture.ts';
import { streamRoute } from '../support/tcp-plane.ts';

const PEERS = { remoteAddress: '192.0.2.7', remotePort: 51000, localAddress: '198.51.100.1', localPort: 443 };
const LOOPBACK = { proxies: ['127.0.0.0/8'] };

describe('the PROXY protocol of streams', () => {
  afterEach(closeAll);

  test('what the header says of the client is what routes go by, and the node gets only what is behind it', async () => {
    const node = await backend();
    const streamRoutes = [streamRoute({ remoteAddrs: ['192.0.2.0/24'], serverAddr: '198.51.100.1' })];
    const proxy = await plane({ ports: [node.port], listener: LOOPBACK, streamRoutes });
    for (const version of [1, 2] as const) {
      const peer = await client(proxy);
      peer.socket.write(Buffer.concat([writeProxyHeader(version, PEERS), Buffer.from('hello')]));
      await until(() => peer.text === 'hello');
      peer.socket.end(' you');
      await until(() => peer.ending === 'end');
      assert.equal(peer.text, 'hello you');
    }
  });

  test('a header that comes byte by byte, alone in its segment, or before a server that speaks first', async () => {
    const node = await backend((socket) => socket.write('220 ready\r\n'));
    const proxy = await plane({ ports: [node.port], listener: LOOPBACK });
    for (const version of [1, 2] as const) {
      const peer = await client(proxy);
      for (const byte of writeProxyHeader(version, PEERS)) {
        peer.socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => peer.text === '220 ready\r\n');
    }
  });

  test('a header that names nobody leaves the connection as it is', async () => {
    const node = await backend();
    const streamRoutes = [streamRoute({ remoteAddrs: ['127.0.0.1'] })];
    const proxy = await plane({ ports: [node.port], listener: LOOPBACK, streamRoutes });
    for (const version of [1, 2] as const) {
      const peer = await client(proxy);
      peer.socket.write(Buffer.concat([writeProxyHeader(version, {}), Buffer.from('x')]));
      await until(() => peer.text === 'x');
    }
  });

  test('without a header, with a wrong one, from a stranger, or too late: refused, and no node hears of it', async () => {
    const clock = new FakeClock();
    const node = await backend();
    const proxy = await plane({ ports: [node.port], listener: LOOPBACK, clock });
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n',
      '\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0',
    ]) {
      const peer = await client(proxy);
      peer.socket.write(bytes, 'latin1');
      await until(() => peer.ending === 'ECONNRESET');
    }
    const silent = await client(proxy);
    silent.socket.write('PROXY TCP4');
    await until(() => proxy.listener.connections === 1);
    clock.advance(5500);
    await until(() => silent.ending === 'ECONNRESET');
    const gone = await client(proxy);
    gone.socket.end('PROXY');
    await until(() => proxy.count(ListenerField.refusedProxy) === 5);
    const strict = await plane({ ports: [node.port], listener: { proxies: ['192.0.2.1'] } });
    const stranger = await client(strict);
    stranger.socket.write(writeProxyHeader(2, PEERS));
    await until(() => stranger.ending === 'ECONNRESET');
    assert.equal(strict.count(ListenerField.refusedProxy), 1);
    assert.equal(node.accepted, 0);
    await until(() => proxy.listener.connections + strict.listener.connections === 0);
    assert.ok(proxy.wheel.size <= 1);
  });

  test('a node is told the client, also the one that a proxy in front named, and first of all', async () => {
    for (const proxyProtocol of [1, 2] as const) {
      const heard: Buffer[] = [];
      const node = await backend((socket) => socket.on('data', (chunk) => heard.push(chunk as Buffer)));
      const direct = await plane({ ports: [node.port], stream: { proxyProtocol } });
      const peer = await client(direct);
      peer.socket.write('hi');
      const own = { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1', localPort: direct.port };
      const expected = writeProxyHeader(proxyProtocol, { ...own, remotePort: peer.socket.localPort });
      await until(() => Buffer.concat(heard).equals(Buffer.concat([expected, Buffer.from('hi')])));
      heard.length = 0;
      const behind = await plane({ ports: [node.port], listener: LOOPBACK, stream: { proxyProtocol } });
      const other = await client(behind);
      other.socket.write(writeProxyHeader(proxyProtocol === 1 ? 2 : 1, PEERS));
      await until(() => Buffer.concat(heard).equals(writeProxyHeader(proxyProtocol, PEERS)));
    }
  });

  test('closing cuts a connection that has not brought its header', async () => {
    const proxy = await plane({ ports: [1], listener: LOOPBACK });
    const peer = await client(proxy);
    await until(() => proxy.listener.connections === 1);
    await proxy.listener.close(0);
    await until(() => peer.ending !== null);
  });
});
