import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { StreamRouter } from '../../src/l4/stream-router.ts';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { helloMessage, inRecords, nameList } from '../support/client-hello.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type TcpClient, until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, plane } from '../support/tcp-fixture.ts';
import { streamRoute, type TcpPlane } from '../support/tcp-plane.ts';

const helloFor = (name: string, record?: number) => inRecords(helloMessage({ serverName: nameList(name) }), record);
/** An upstream that does not exist tells which route was taken: by the event. */
const named = streamRoute({ id: 'named', snis: ['db.example'], upstreamId: 'nowhere' });
const fallback = streamRoute({ id: 'default' });

/** Sends and returns what the node echoes, or 'refused'. */
async function answer(proxy: TcpPlane, parts: readonly (Buffer | string)[]): Promise<string> {
  const peer: TcpClient = await client(proxy);
  for (const part of parts) {
    peer.socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  await until(() => peer.ending !== null || peer.received.length >= length);
  const text = peer.ending === null ? peer.text : 'refused';
  peer.socket.destroy();
  return text;
}

describe('routing by server name', () => {
  afterEach(closeAll);

  test('the order: exact, the longest wildcard, none; among those address, port, clients', () => {
    const routes = [
      streamRoute({ id: 'any' }),
      streamRoute({ id: 'port', serverPort: 443 }),
      streamRoute({ id: 'wide', snis: ['*.example'] }),
      streamRoute({ id: 'long', snis: ['*.db.example', 'other.test'] }),
      streamRoute({ id: 'exact', snis: ['a.db.example'] }),
      streamRoute({ id: 'exact-port', snis: ['b.db.example'], serverPort: 443 }),
      streamRoute({ id: 'exact-clients', snis: ['c.db.example'], remoteAddrs: ['10.0.0.0/8'] }),
    ];
    for (const list of [routes, [...routes].reverse()]) {
      const router = new StreamRouter(list, 443);
      const match = (name: string | null, remoteAddress = '192.0.2.1') => router.match({ remoteAddress }, name)?.id;
      assert.equal(router.readsServerName, true);
      assert.equal(match('a.db.example'), 'exact');
      assert.equal(match('b.db.example'), 'exact-port');
      assert.equal(new StreamRouter(list, 444).match({}, 'b.db.example')?.id, 'long');
      assert.equal(match('c.db.example', '10.1.1.1'), 'exact-clients');
      assert.equal(
        match('c.db.example'),
        'long',
        'a wildcard is next when the conditions of the exact one do not hold',
      );
      assert.equal(match('x.y.db.example'), 'long');
      assert.equal(match('db.example'), 'wide', 'a wildcard is not for the name itself');
      assert.equal(match('example'), 'port');
      assert.equal(match('other.test'), 'long');
      assert.equal(match(null), 'port');
    }
    assert.equal(new StreamRouter([streamRoute({ snis: ['a'], serverPort: 1 })], 2).readsServerName, false);
  });

  test('a hello goes to the route for its name, untouched, in whatever pieces it comes', async () => {
    const node = await backend();
    const route = streamRoute({ snis: ['db.example'] });
    const other = streamRoute({ id: 'other', upstreamId: 'nowhere' });
    const proxy = await plane({ ports: [node.port], streamRoutes: [route, other] });
    for (const bytes of [helloFor('db.example'), helloFor('DB.example', 30)]) {
      assert.equal(await answer(proxy, [bytes, 'more']), `${bytes.toString('latin1')}more`);
      const split = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) => bytes.subarray(at * 7, at * 7 + 7));
      assert.equal(await answer(proxy, split), bytes.toString('latin1'));
    }
    assert.equal(await answer(proxy, [helloFor('web.example')]), 'refused');
    assert.equal(proxy.count(ListenerField.refusedRoute), 1);
    assert.equal(proxy.events[0]?.fields.route, 'other');
  });

  test('whatever has no name goes to the default route: no SNI, no TLS, too much, or nothing in time', async () => {
    const clock = new FakeClock();
    const node = await backend();
    const proxy = await plane({ ports: [node.port], streamRoutes: [named, fallback], clock });
    const endless = inRecords(Buffer.concat([Buffer.from([1, 0, 0x3f, 0]), Buffer.alloc(16_128)]), 1).subarray(
      0,
      40_000,
    );
    for (const bytes of [inRecords(helloMessage({})), Buffer.from('SELECT 1;'), helloFor('x.example'), endless]) {
      assert.equal(await answer(proxy, [bytes]), bytes.toString('latin1'));
    }
    const quiet = await client(proxy);
    const partial = await client(proxy);
    partial.socket.write(helloFor('db.example').subarray(0, 30));
    await until(() => proxy.listener.connections === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.advance(5500);
    await until(() => partial.received.length === 30);
    quiet.socket.write('late');
    await until(() => quiet.text === 'late');
    assert.equal(await answer(proxy, [helloFor('db.example')]), 'refused');
  });

  test('a client that ends before it has said what it wants costs nothing', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port], streamRoutes: [named, fallback] });
    const peer = await client(proxy);
    peer.socket.end(helloFor('db.example').subarray(0, 30));
    await until(() => peer.ending !== null && proxy.listener.connections === 0);
    const gone = await client(proxy);
    gone.socket.resetAndDestroy();
    await until(() => proxy.listener.connections === 0);
    assert.equal(node.accepted, 0);
    assert.equal(proxy.wheel.size, 0);
  });

  test('closing cuts a client that is awaited', async () => {
    const proxy = await plane({ ports: [1], streamRoutes: [named, fallback] });
    const peer = await client(proxy);
    await until(() => proxy.listener.connections === 1);
    await proxy.listener.close(0);
    await until(() => peer.ending === 'ECONNRESET');
  });
});
