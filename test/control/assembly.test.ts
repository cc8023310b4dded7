import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { defineResources } from '../../src/control/definitions.ts';
import { NodeHistory } from '../../src/control/node-history.ts';
import { Planning } from '../../src/control/planning.ts';
import { Statistics } from '../../src/control/statistics.ts';
import { silentLog } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Probe } from '../../src/health/types.ts';
import { HEALTH_NAMES } from '../../src/upstream/node-table.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { noRegistries } from '../support/no-registries.ts';

type Upstream = NonNullable<DocumentInput['upstreams']>[number];
type Checks = NonNullable<NonNullable<Upstream['checks']>['active']>;

/** The parts of the control thread that make the plan, with probes that answer as `up` says. */
function setUp() {
  const clock = new FakeClock();
  const statistics = new Statistics(1, 0);
  /** What a worker that takes the patch at once finds in the node table: health by port of each node of the plan. */
  const seen: Record<number, string | undefined>[] = [];
  const up = new Set<number>();
  const health = () => {
    const nodes = publisher.upstreams.get('u')?.nodes ?? [];
    return Object.fromEntries(nodes.map(({ slot, node }) => [node.port, HEALTH_NAMES[statistics.table.health(slot)]]));
  };
  const probe: Probe = {
    check: ({ port }) => Promise.resolve({ verdict: up.has(port) ? 'success' : 'tcp', detail: 'asked' }),
  };
  const planning: Planning = new Planning({
    ...{ clock, log: silentLog, random: seededRandom(1), statistics, nodeSets: noRegistries(clock, silentLog) },
    ...{ history: new NodeHistory(clock), overrides: null, createProbe: () => probe },
    publish: () => void seen.push(health()),
    workers: () => [0],
  });
  const { nodeSlots, publisher, monitor } = planning;
  const slotOf = (port: number) => nodeSlots.get(`u|127.0.0.1:${port}`);
  const define = (ports: readonly number[], active: Checks | null) => {
    const nodes = Object.fromEntries(ports.map((port) => [`127.0.0.1:${port}`, 1]));
    const upstream = { id: 'u', nodes, ...(active && { checks: { active } }) };
    planning.define(defineResources(documentFrom({ upstreams: [upstream] })));
  };
  return { clock, statistics, seen, up, health, monitor, slotOf, define };
}

const ACTIVE = { type: 'tcp' as const, healthy: { successes: 1 }, unhealthy: { tcp_failures: 1 } };

describe('the plan and the active checks', () => {
  it('know that a gated node has to wait before any worker hears of the node', async () => {
    const { seen, up, health, define } = setUp();
    up.add(1).add(2);
    define([1], { ...ACTIVE, gate: true });
    await settle();
    define([1, 2], { ...ACTIVE, gate: true });
    assert.deepEqual(seen, [{ 1: 'pending' }, { 1: 'healthy', 2: 'pending' }]);
    await settle();
    assert.deepEqual(health(), { 1: 'healthy', 2: 'healthy' });
  });

  it('follow the checks that an upstream wants, also when no worker has to hear of it', async () => {
    const { clock, seen, health, monitor, define } = setUp();
    define([1], null);
    assert.deepEqual([...monitor.states()], []);
    define([1], ACTIVE);
    await settle();
    await clock.run(5000);
    assert.deepEqual(health(), { 1: 'unhealthy' });
    assert.equal(seen.length, 1);
    define([1], null);
    assert.deepEqual(health(), { 1: 'unknown' });
  });

  it('forget the health of a node that leaves only when the workers have been told', async () => {
    const { clock, statistics, seen, monitor, slotOf, define } = setUp();
    define([1, 2], ACTIVE);
    await settle();
    await clock.run(5000);
    const slot = slotOf(2)!;
    const before = statistics.table.health(slot);
    assert.equal(HEALTH_NAMES[before], 'unhealthy');
    let then: string | undefined;
    seen.push = () => {
      then = HEALTH_NAMES[statistics.table.health(slot)];
      return 0;
    };
    define([1], ACTIVE);
    assert.equal(then, 'unhealthy');
    assert.equal(HEALTH_NAMES[statistics.table.health(slot)], 'unknown');
    assert.deepEqual(
      [...monitor.states()].map(({ key }) => key),
      ['u|127.0.0.1:1'],
    );
  });
});
