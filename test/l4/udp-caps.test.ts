import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { clearSourceCounts } from '../../src/l4/source-counts.ts';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/tcp-backend.ts';
import { UdpFixture } from '../support/udp-fixture.ts';
import type { UdpPeer } from '../support/udp-peer.ts';
import { type SharedSeats, sharedSeats, type UdpPlane, type UdpPlaneOptions } from '../support/udp-plane.ts';

const IDLE_MS = 30_000;
/** Several of the listener's looks at its sessions, and far from the idle timeout. */
const LOOKS_MS = 5000;

/** Two workers' listeners in this thread, each at a port of its own, in front of one node. */
async function twoWorkers(t: TestContext, plan: UdpPlaneOptions['plan']) {
  const clock = new FakeClock();
  const fixture = new UdpFixture(t);
  const shared: SharedSeats = sharedSeats(2);
  const node = await fixture.node();
  const worker = (index: number) =>
    fixture.plane({ nodes: [node.port], clock, seat: { index, shared }, plan: { idleTimeoutMs: IDLE_MS, ...plan } });
  const workers = [await worker(0), await worker(1)] as const;
  /** A client that has been answered by a worker, or whose first datagram was refused. */
  const ask = async (proxy: UdpPlane): Promise<{ peer: UdpPeer; served: boolean }> => {
    const peer = await fixture.client();
    const refused = proxy.count(ListenerField.refusedSource);
    peer.send('x', proxy.port);
    await until(() => peer.messages.length > 0 || proxy.count(ListenerField.refusedSource) > refused);
    return { peer, served: peer.messages.length > 0 };
  };
  return { clock, shared, workers, ask };
}

test('sessions of one client address are counted over all workers; those of a dead worker are not', async (t) => {
  const { clock, shared, workers, ask } = await twoWorkers(t, { maxSessionsPerSource: 3 });
  const [one, other] = workers;
  for (const proxy of [one, one, other]) assert.equal((await ask(proxy)).served, true);
  for (const proxy of workers) assert.equal((await ask(proxy)).served, false);
  assert.equal(one.sessions + other.sessions, 3);
  clearSourceCounts(shared.sources, 0);
  for (const served of [true, true, false]) assert.equal((await ask(other)).served, served);
  clock.advance(2 * IDLE_MS);
  assert.equal(one.sessions + other.sessions, 0);
});

test('a session that ends, however it does, makes room for one of its source at any worker', async (t) => {
  const { clock, workers, ask } = await twoWorkers(t, { maxSessionsPerSource: 2, maxSessions: 2, evenShare: 1 });
  const [one, other] = workers;
  await ask(one);
  await ask(one);
  assert.equal((await ask(other)).served, false);
  clock.advance(2 * IDLE_MS);
  assert.equal((await ask(other)).served, true);
  assert.equal((await ask(one)).served, true);
  assert.equal((await ask(other)).served, false);
});

test('one worker may have what the others leave; each gets its even share, and the total comes back to the cap', async (t) => {
  const { clock, workers, ask } = await twoWorkers(t, { maxSessions: 6, evenShare: 3 });
  const [one, other] = workers;
  for (let count = 0; count < 6; count++) await ask(one);
  assert.equal(one.sessions, 6, 'nobody else has any');
  await ask(one);
  assert.equal(one.sessions, 6);
  assert.equal(one.count(ListenerField.evicted), 1, 'it gave up its own oldest');
  for (let count = 1; count <= 3; count++) {
    assert.equal((await ask(other)).served, true);
    assert.equal(other.sessions, count);
  }
  clock.advance(LOOKS_MS);
  assert.equal(one.sessions, 3, 'the one with more has given back');
  assert.equal(other.sessions, 3);
  await ask(other);
  assert.equal(other.sessions, 3, 'no more than its share, now that there is no room');
  clock.advance(LOOKS_MS);
  assert.equal(one.sessions + other.sessions, 6);
});
