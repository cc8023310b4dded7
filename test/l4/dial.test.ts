import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { ListenerField, RouteField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { BlackHole, deadPort, until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, outcome, owned, plane } from '../support/tcp-fixture.ts';

describe('connecting to a node', { timeout: 30_000 }, () => {
  afterEach(closeAll);

  test('a dead node is passed over before the first byte, which waits', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [await deadPort(), node.port] });
    const peer = await client(proxy);
    peer.socket.write('early');
    await until(() => peer.text === 'early');
    assert.equal(outcome(proxy, 0, Outcome.connectFailure), 1);
    assert.equal(proxy.table.inflight(0), 0);
    assert.equal(proxy.route(RouteField.retries), 1);
    assert.ok(proxy.table.demotedUntil(0) > 0, 'the dead node is demoted');
    const second = await client(proxy);
    second.socket.write('again');
    await until(() => second.text === 'again');
    assert.equal(outcome(proxy, 0, Outcome.connectFailure), 1, 'a demoted node is not tried first');
  });

  test('when every node is dead, the client gets an RST and nothing stays counted in', async () => {
    const proxy = await plane({ ports: [await deadPort(), await deadPort(), await deadPort()] });
    const peer = await client(proxy);
    await until(() => peer.ending !== null);
    assert.equal(peer.ending, 'ECONNRESET');
    await until(() => proxy.listener.connections === 0);
    for (const slot of [0, 1, 2]) assert.equal(outcome(proxy, slot, Outcome.connectFailure), 1);
    assert.equal(proxy.inflight, 0);
    assert.equal(proxy.snapshots.current.users, 0);
    assert.equal(proxy.route(RouteField.retries), 2);
    assert.equal(proxy.count(ListenerField.refusedNode), 1);
    assert.equal(proxy.events.length, 1);
    assert.match(proxy.events[0]!.message, /can't connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  });

  test('`retries` bounds the further tries', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [await deadPort(), await deadPort(), node.port], retries: 1 });
    const peer = await client(proxy);
    await until(() => peer.ending !== null);
    assert.equal(proxy.route(RouteField.retries), 1);
    assert.equal(node.accepted, 0);
  });

  test('without `retries`, sixteen further nodes are tried, as for HTTP', async () => {
    const dead = await Promise.all(Array.from({ length: 17 }, deadPort));
    const node = await backend();
    const sixteenDead = await plane({ ports: [...dead.slice(1), node.port] });
    await client(sixteenDead);
    await until(() => node.accepted === 1);
    const allTried = await plane({ ports: [...dead, node.port] });
    const peer = await client(allTried);
    await until(() => peer.ending !== null);
    assert.equal(allTried.route(RouteField.retries), 16);
    assert.equal(node.accepted, 1);
  });

  test('a node that swallows the connection is left after the connect timeout', async () => {
    const clock = new FakeClock();
    const hole = owned(await BlackHole.start());
    const node = await backend();
    const proxy = await plane({ ports: [hole.port, node.port], clock, connectTimeout: 2000 });
    const peer = await client(proxy);
    await until(() => proxy.table.inflight(0) === 1);
    const whileDialling = openSockets();
    clock.advance(1900);
    assert.equal(proxy.table.inflight(0), 1);
    clock.advance(500);
    assert.equal(proxy.table.inflight(0), 0);
    peer.socket.write('through');
    await until(() => peer.text === 'through');
    assert.equal(outcome(proxy, 0, Outcome.connectFailure), 1);
    await until(() => openSockets() === whileDialling + 1);
  });

  test('no further try begins after `retryTimeout`', async () => {
    const clock = new FakeClock();
    const hole = owned(await BlackHole.start());
    const node = await backend();
    const proxy = await plane({ ports: [hole.port, node.port], clock, connectTimeout: 2000, retryTimeout: 1000 });
    const peer = await client(proxy);
    await until(() => proxy.table.inflight(0) === 1);
    clock.advance(2400);
    await until(() => peer.ending !== null);
    assert.equal(node.accepted, 0);
    assert.equal(proxy.inflight, 0);
  });
});

/** Sockets of this thread that are connected or connecting. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap').length;
}
