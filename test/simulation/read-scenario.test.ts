import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readScenario, scenarioFrom } from '../../src/simulation/read-scenario.ts';

const NODES = [{ name: 'web', count: 2 }];
const GOOD = { duration: 1, rate: 10, nodes: NODES };

function wrong(scenario: unknown, message: RegExp): void {
  assert.throws(() => scenarioFrom(scenario, 's.yaml'), { code: 'SCENARIO', message });
}

describe('scenario', () => {
  it('may be short', () => {
    assert.deepEqual(scenarioFrom(GOOD, 's.yaml'), GOOD);
  });

  it('names the place of what has the wrong shape', () => {
    wrong(null, /^s\.yaml: /);
    wrong({ ...GOOD, duration: 0 }, /^s\.yaml: duration: /);
    wrong({ ...GOOD, rates: 5 }, /^s\.yaml: there is no field "rates"/);
    wrong({ ...GOOD, nodes: [{ name: 'Web' }] }, /^s\.yaml: nodes\.0\.name: /);
    wrong({ ...GOOD, nodes: [{ name: 'a', latency: { mean: 5 } }] }, /^s\.yaml: nodes\.0\.latency: /);
    wrong({ ...GOOD, events: [{ at: 1, node: 'web', fail: { kind: 'sleep' } }] }, /^s\.yaml: events\.0\.fail/);
  });

  it('names the place of what makes no sense', () => {
    const nodes = (...others: object[]) => ({ ...GOOD, nodes: [...NODES, ...others] });
    wrong(nodes({ name: 'web-2' }), /nodes\.1\.name: there is another node "web-2"/);
    wrong(nodes({ name: 'a', latency: { median: 10, p99: 5 } }), /nodes\.1\.latency\.p99: is below the median/);
    const events = (event: object) => ({
      ...GOOD,
      events: [
        { at: 0, rate: 5 },
        { at: 1, ...event },
      ],
    });
    wrong(events({ node: 'wbe', fail: null }), /events\.1\.node: there is no node "wbe"/);
    wrong(events({ node: 'web' }), /events\.1: nothing happens to the node; add fail/);
    wrong(events({ action: 'remove' }), /events\.1: names no node/);
    wrong(events({}), /events\.1: nothing happens; add node or rate/);
    wrong(events({ node: 'web', latency: { median: 2, p99: 1 } }), /events\.1\.latency\.p99/);
  });

  it('holds settings of the upstream to what a configuration takes, for each variant', () => {
    wrong({ ...GOOD, compare: ['roundrobin', 'rondrobin'] }, /upstream of rondrobin: upstreams\[0\]\.type/);
    wrong({ ...GOOD, upstream: { check: {} } }, /upstream of roundrobin: upstreams\[0\]\.check/);
    const compare = [{ label: 'mine', type: 'chash', hash_on: 'header', key: 'a b' }];
    wrong({ ...GOOD, compare }, /upstream of mine: upstreams\[0\]\.key/);
  });

  it('is read from a file, whose name errors begin with', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'scenario-'));
    context.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'a.yaml');
    await writeFile(path, 'duration: 1\nrate: 10\nnodes: [{ name: web }]\n');
    assert.equal((await readScenario(path)).rate, 10);
    await writeFile(path, 'duration: [1\n');
    await assert.rejects(readScenario(path), { code: 'SCENARIO', message: /a\.yaml: / });
    await assert.rejects(readScenario(join(folder, 'b.yaml')), { code: 'SCENARIO', message: /b\.yaml: / });
  });
});
