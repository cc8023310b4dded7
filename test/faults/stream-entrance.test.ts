import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { afterEach, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { selfSigned, type TestCertificate } from '../support/certificates.ts';
import { helloMessage, inRecords, nameList } from '../support/client-hello.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { TcpClient, until } from '../support/tcp-backend.ts';
import { backend, closeAll, owned, plane } from '../support/tcp-fixture.ts';
import { streamRoute } from '../support/tcp-plane.ts';

const FLOOD = 200;
const descriptors = () => readdirSync('/proc/self/fd').length;

let certificate: TestCertificate;

describe('faults at the entrance of streams', { timeout: 20_000 }, () => {
  before(() => {
    certificate = selfSigned('db.example');
  });
  afterEach(closeAll);

  const kinds = {
    'PROXY headers': { listener: { proxies: ['127.0.0.1'] }, bytes: Buffer.from('PROXY TCP4 192.0') },
    'TLS handshakes': {
      listener: { tls: { certificate: 'own' } },
      bytes: inRecords(helloMessage({ serverName: nameList('db.example') })).subarray(0, 40),
    },
  };
  for (const [what, { listener, bytes }] of Object.entries(kinds)) {
    test(`a flood of ${what} that never end holds nothing beyond their time, and serves the others meanwhile`, async () => {
      const clock = new FakeClock();
      const node = await backend();
      const certificates = [{ id: 'own', names: [], ...certificate }];
      const open = descriptors();
      const proxy = await plane({ ports: [node.port], clock, listener, certificates });
      const flood = await Promise.all(Array.from({ length: FLOOD }, () => TcpClient.connect(proxy.port)));
      for (const { socket } of flood) socket.write(bytes);
      await until(() => proxy.listener.connections === FLOOD);
      await pause(20);
      clock.advance(10_500);
      await until(() => flood.every(({ ending }) => ending !== null) && proxy.listener.connections === 0);
      assert.equal(proxy.count(ListenerField.refusedProxy) + proxy.count(ListenerField.refusedTls), FLOOD);
      assert.ok(proxy.events.length <= 3, 'a flood does not fill the log');
      assert.equal(proxy.wheel.size, 0);
      assert.equal(node.accepted, 0);
      for (const { socket } of flood) socket.destroy();
      await proxy.close();
      await until(() => descriptors() <= open);
    });
  }

  test('clients that break off at any point of a ClientHello or a handshake leave nothing behind', async () => {
    const node = await backend();
    const certificates = [{ id: 'own', names: [], ...certificate }];
    const hello = inRecords(helloMessage({ serverName: nameList('db.example') }), 50);
    const routed = await plane({ ports: [node.port], streamRoutes: [streamRoute({ snis: ['db.example'] })] });
    const ended = await plane({ ports: [node.port], listener: { tls: { certificate: 'own' } }, certificates });
    for (const proxy of [routed, ended]) {
      for (let length = 0; length <= hello.length; length += 11) {
        const peer = await TcpClient.connect(proxy.port);
        if (length > 0) peer.socket.write(hello.subarray(0, length));
        if (length % 2 === 0) await pause(1);
        peer.socket.resetAndDestroy();
      }
      await until(() => proxy.listener.connections === 0 && proxy.inflight === 0);
      await until(() => proxy.wheel.size <= 1);
    }
  });

  test('a TLS client that does not read stops its node, with bounded memory', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(256 * 1024);
    const node = await backend((socket) => {
      const push = () => {
        while (sent < 1e9 && socket.write(chunk)) sent += chunk.length;
      };
      socket.on('drain', push);
      push();
    });
    const certificates = [{ id: 'own', names: [], ...certificate }];
    const proxy = await plane({ ports: [node.port], listener: { tls: { certificate: 'own' } }, certificates });
    const secure = connect({ port: proxy.port, host: '127.0.0.1', ca: certificate.cert, servername: 'db.example' });
    owned({ close: async () => void secure.destroy() });
    secure.on('error', () => {});
    await until(() => sent > 0);
    for (let last = -1; last !== sent; await pause(300)) last = sent;
    // The system's own socket buffers, of two connections, are most of it.
    assert.ok(sent < 40e6, `${sent} bytes were taken from the node`);
  });
});
