import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { allocateSourceCounts, clearSourceCounts, SourceCounts } from '../../src/l4/source-counts.ts';
import { writeProxyHeader } from '../../src/l4/write-proxy-header.ts';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, outcome, plane } from '../support/tcp-fixture.ts';
import { streamRoute, type TcpPlane } from '../support/tcp-plane.ts';

/** A client whose stream is relayed. */
async function relayed(proxy: TcpPlane) {
  const peer = await client(proxy);
  peer.socket.write('x');
  await until(() => peer.text === 'x');
  return peer;
}

describe('limits of streams', () => {
  afterEach(closeAll);

  test('max_connections closes what comes above, over all that other workers hold', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port], listener: { connectionLimit: 2 } });
    const first = await relayed(proxy);
    await relayed(proxy);
    const third = await client(proxy);
    await until(() => third.ending === 'ECONNRESET');
    assert.equal(proxy.count(ListenerField.refused), 1);
    first.socket.destroy();
    await until(() => proxy.listener.connections === 1);
    await relayed(proxy);
    assert.equal(node.accepted, 3);
  });

  test('max_connections_per_source counts each source alone, as a PROXY header names it', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port], listener: { sourceLimit: 1, proxies: ['127.0.0.1'] } });
    const from = async (remoteAddress: string) => {
      const peer = await client(proxy);
      const peers = { remoteAddress, remotePort: 1, localAddress: '192.0.2.1', localPort: 2 };
      peer.socket.write(Buffer.concat([writeProxyHeader(2, peers), Buffer.from('x')]));
      await until(() => peer.text === 'x' || peer.ending !== null);
      return peer;
    };
    const first = await from('192.0.2.7');
    assert.equal((await from('192.0.2.7')).ending, 'ECONNRESET');
    assert.equal((await from('192.0.2.8')).text, 'x');
    assert.equal(proxy.count(ListenerField.refusedSource), 1);
    first.socket.destroy();
    await until(() => proxy.listener.connections === 1);
    assert.equal((await from('192.0.2.7')).text, 'x');
  });

  test('a node at its node_limit is passed over; with none left the client is refused, and no node is blamed', async () => {
    const nodes = [await backend(), await backend()];
    const proxy = await plane({
      ports: nodes.map(({ port }) => port),
      nodeLimit: 1,
      retries: 0,
    });
    const first = await relayed(proxy);
    await relayed(proxy);
    assert.deepEqual(
      nodes.map(({ accepted }) => accepted),
      [1, 1],
    );
    const third = await client(proxy);
    await until(() => third.ending === 'ECONNRESET');
    assert.equal(proxy.count(ListenerField.refusedNode), 1);
    assert.equal(proxy.events[0]?.fields.code, 'NODES_FULL');
    assert.equal(outcome(proxy, 0, Outcome.connectFailure) + outcome(proxy, 1, Outcome.connectFailure), 0);
    first.socket.destroy();
    await until(() => proxy.inflight === 1);
    await relayed(proxy);
    assert.equal(nodes[0]?.accepted, 2);
  });

  test('a lifetime ends a stream that is in use; a route may set its own, and its own idle timeout', async () => {
    const clock = new FakeClock();
    const node = await backend();
    const proxy = await plane({ ports: [node.port], clock, lifetimeMs: 5000 });
    const peer = await relayed(proxy);
    for (let second = 0; second < 4; second++) {
      clock.advance(1000);
      peer.socket.write('x');
      await until(() => peer.received.length === second + 2);
    }
    clock.advance(1500);
    await until(() => peer.ending === 'ECONNRESET' && proxy.inflight === 0);
    assert.equal(proxy.wheel.size, 1, 'only the one that counts bytes');
    const streamRoutes = [streamRoute({ maxLifetime: 60_000, idleTimeout: 2000 })];
    const other = await plane({ ports: [node.port], clock, lifetimeMs: 1000, idleTimeoutMs: 60_000, streamRoutes });
    const quiet = await relayed(other);
    clock.advance(1500);
    assert.equal(quiet.ending, null);
    clock.advance(1500);
    await until(() => quiet.ending === 'end' && other.inflight === 0);
  });
});

describe('connections by source', () => {
  const memory = () => allocateSourceCounts(2, 7);

  test('one worker sees those of the other, and a dead one has none', () => {
    const shared = memory();
    const [one, two] = [new SourceCounts(shared, 0), new SourceCounts(shared, 1)];
    assert.equal(one.enter(1, '192.0.2.7', 2), true);
    assert.equal(two.enter(1, '192.0.2.7', 2), true);
    assert.equal(one.enter(1, '192.0.2.7', 2), false);
    assert.equal(one.enter(2, '192.0.2.7', 2), true, 'another listener');
    assert.equal(one.enter(1, '192.0.2.8', 2), true);
    two.leave(1, '192.0.2.7');
    assert.equal(one.enter(1, '192.0.2.7', 2), true);
    clearSourceCounts(shared, 0);
    assert.equal(two.enter(1, '192.0.2.7', 1), true);
  });

  test('an IPv6 source is its /64; spellings are one', () => {
    const counts = new SourceCounts(memory(), 0);
    assert.equal(counts.enter(1, '2001:db8::1', 1), true);
    assert.equal(counts.enter(1, '2001:db8:0:0:9::', 1), false);
    assert.equal(counts.enter(1, '2001:db8:0:1::1', 1), true);
    assert.equal(counts.enter(1, '::ffff:192.0.2.7', 1), true);
    assert.equal(counts.enter(1, '192.0.2.7', 1), false);
  });

  test('ten thousand busy sources cost hardly any other one its place', () => {
    const shared = memory();
    const [one, two] = [new SourceCounts(shared, 0), new SourceCounts(shared, 1)];
    for (let index = 0; index < 10_000; index++) one.enter(1, `10.0.${index >> 8}.${index & 255}`, 100);
    let refused = 0;
    for (let index = 0; index < 1000; index++) if (!two.enter(1, `10.9.${index >> 8}.${index & 255}`, 1)) refused += 1;
    assert.ok(refused <= 20, `${refused} of 1000`);
  });
});
