import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { createBalancer } from '../../src/balancers/registry.ts';
import { seededRandom } from '../../src/core/random.ts';
import { allocateBreakers, BreakerCells } from '../../src/upstream/breaker-cells.ts';
import { Health } from '../../src/upstream/node-table.ts';
import type { PlannedStreaming } from '../../src/upstream/plan.ts';
import { Snapshot } from '../../src/upstream/snapshot.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, plane } from '../support/tcp-fixture.ts';
import type { TcpPlane } from '../support/tcp-plane.ts';

/** Replaces the snapshot by one in which the upstream has only these of its nodes; null takes the upstream away. */
function keep(proxy: TcpPlane, slots: readonly number[] | null): void {
  const { version, streamRoutes, upstreams } = proxy.snapshots.current;
  const old = upstreams.get('u') ?? first.get(proxy)!;
  if (!first.has(proxy)) first.set(proxy, old);
  const handles = first.get(proxy)!.handles.filter(({ slot }) => slots?.includes(slot));
  const nodes = first.get(proxy)!.plan.nodes.filter(({ slot }) => slots?.includes(slot));
  const balancer = createBalancer(old.plan.balancer, seededRandom(1))!;
  const tools = {
    balancer,
    table: proxy.table,
    random: seededRandom(1),
    breakers: new BreakerCells(allocateBreakers(8)),
  };
  const next = new Upstream({ ...old.plan, nodes }, handles, null, tools);
  proxy.snapshots.replace(new Snapshot(version + 1, [], streamRoutes, new Map(slots ? [['u', next]] : [])));
}

const first = new Map<TcpPlane, Upstream>();

describe('streams whose node goes', () => {
  afterEach(closeAll);

  async function setup(stream: Partial<PlannedStreaming>) {
    const clock = new FakeClock();
    const nodes = [await backend(), await backend()];
    const proxy = await plane({ ports: nodes.map(({ port }) => port), clock, stream });
    const peer = await client(proxy);
    peer.socket.write('x');
    await until(() => peer.text === 'x');
    return { clock, proxy, peer };
  }

  test('finish: nothing happens to them', async () => {
    const { clock, proxy, peer } = await setup({ proxyProtocol: 0 });
    keep(proxy, [1]);
    proxy.table.setHealth(0, Health.unhealthy);
    clock.advance(600_000);
    peer.socket.write('y');
    await until(() => peer.text === 'xy');
  });

  test('close: they are cut when the node leaves, and only those of that node', async () => {
    const { proxy, peer } = await setup({ closeAfter: 0 });
    keep(proxy, [0]);
    peer.socket.write('y');
    await until(() => peer.text === 'xy');
    keep(proxy, [1]);
    await until(() => peer.ending === 'ECONNRESET' && proxy.inflight === 0);
    assert.ok(proxy.wheel.size <= 1);
  });

  test('close: they are cut when the upstream goes as a whole', async () => {
    const { proxy, peer } = await setup({ closeAfter: 0 });
    keep(proxy, null);
    await until(() => peer.ending === 'ECONNRESET');
  });

  test('close_after: in its time, unless the node comes back', async () => {
    const { clock, proxy, peer } = await setup({ closeAfter: 10_000 });
    keep(proxy, [1]);
    clock.advance(9000);
    peer.socket.write('y');
    await until(() => peer.text === 'xy');
    keep(proxy, [0, 1]);
    clock.advance(60_000);
    peer.socket.write('z');
    await until(() => peer.text === 'xyz');
    keep(proxy, [1]);
    clock.advance(10_500);
    await until(() => peer.ending === 'ECONNRESET');
  });

  test('a node that takes no new traffic is no better place to go', async () => {
    const { clock, proxy, peer } = await setup({ closeAfter: 0 });
    proxy.table.setHealth(0, Health.unhealthy);
    proxy.table.setHealth(1, Health.healthy);
    const other = first.get(proxy) ?? proxy.snapshots.current.upstreams.get('u')!;
    other.handles[1]!.baseWeight = 0;
    clock.advance(5000);
    peer.socket.write('y');
    await until(() => peer.text === 'xy');
  });

  test('an unhealthy node is as good as gone, but not while there is no healthy one', async () => {
    const { clock, proxy, peer } = await setup({ closeAfter: 0 });
    proxy.table.setHealth(0, Health.unhealthy);
    proxy.table.setHealth(1, Health.unhealthy);
    clock.advance(5000);
    peer.socket.write('y');
    await until(() => peer.text === 'xy');
    proxy.table.setHealth(1, Health.healthy);
    clock.advance(1500);
    await until(() => peer.ending === 'ECONNRESET' && proxy.inflight === 0);
    clock.advance(30_000);
    assert.equal(proxy.wheel.size, 0, 'nobody looks any more');
  });
});
