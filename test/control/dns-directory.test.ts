import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { dnsDirectory } from '../../src/control/dns-directory.ts';
import type { NodeSource } from '../../src/control/node-sources.ts';
import type { NodeSetState } from '../../src/discovery/types.ts';
import type { Directory } from '../../src/dns/zone.ts';
import { allocateNodeTable, Health, NodeTable } from '../../src/upstream/node-table.ts';
import type { PlannedUpstream } from '../../src/upstream/plan.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { node } from '../support/nodes.ts';
import { plainUpstream } from '../support/planned.ts';

describe('what the DNS listener answers from', () => {
  let clock: FakeClock;
  let table: NodeTable;
  let plan: { version: number; upstreams: Map<string, PlannedUpstream> };
  let sources: Map<string, readonly NodeSource[]>;
  let states: Map<string, NodeSetState>;
  let directory: Directory;

  beforeEach(() => {
    clock = new FakeClock();
    table = new NodeTable(allocateNodeTable(1, 0), 0);
    plan = { version: 1, upstreams: new Map() };
    sources = new Map();
    states = new Map();
    directory = dnsDirectory({
      clock,
      table,
      plan,
      nodeSets: { get: ({ service }) => (states.has(service) ? ({ state: states.get(service) } as never) : undefined) },
      sourcesOf: (id) => sources.get(id) ?? [],
    });
  });

  /** Slots are given in order; a node is `port`, weight and priority. */
  function add(id: string, service: string | null, ...nodes: readonly (readonly [number, number?, number?])[]): void {
    const first = [...plan.upstreams.values()].reduce((sum, upstream) => sum + upstream.nodes.length, 0);
    const planned = nodes.map(([port, weight = 1, priority = 0], index) => ({
      slot: first + index,
      override: null,
      node: node('10.0.0.1', port, { weight, priority }),
    }));
    plan.upstreams.set(id, { ...plainUpstream, id, slot: 0, nodes: planned });
    const query = { source: 'consul', service: service ?? '', args: {} };
    sources.set(id, [service === null ? { kind: 'static', nodes: [] } : { kind: 'service', query, priority: 0 }]);
    plan.version += 1;
  }

  const ports = (name: string) => {
    const found = directory(name);
    return Array.isArray(found) ? found.map(({ port }) => port) : found;
  };

  it('finds an upstream by its id, and by the service that feeds it, whatever the case', () => {
    assert.equal(ports('web'), null);
    add('Web', null, [1]);
    add('other', 'Store', [2]);
    add('third', 'web', [3]);
    add('fourth', 'store', [4]);
    assert.deepEqual([ports('web'), ports('store'), ports('third')], [[1], [2], [3]]);
    plan.upstreams.delete('other');
    plan.version += 1;
    assert.deepEqual(ports('store'), [4]);
  });

  it('gives the healthy nodes of every priority, and all of them rather than none', () => {
    add('web', null, [1], [2, 1, -1], [3, 0], [4]);
    assert.deepEqual(ports('web'), [1, 2, 4]);
    table.setHealth(0, Health.unhealthy);
    assert.deepEqual(ports('web'), [2, 4]);
    table.connectFailed(3, clock.now());
    assert.deepEqual(ports('web'), [2]);
    table.setHealth(1, Health.unhealthy);
    table.setHealth(3, Health.unhealthy);
    assert.deepEqual(ports('web'), [1], 'of bad nodes those that did not just refuse a connection');
  });

  it('tells "no nodes" from "not known yet"', () => {
    add('web', 'web');
    assert.equal(ports('web'), 'unknown');
    for (const [state, seen] of [
      ['init', 'unknown'],
      ['failed', 'unknown'],
      ['ok', []],
      ['stale', []],
    ] as const) {
      states.set('web', state);
      assert.deepEqual(ports('web'), seen);
    }
    add('fixed', null);
    assert.deepEqual(ports('fixed'), []);
  });
});
