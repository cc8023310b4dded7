import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compare } from '../../src/simulation/compare.ts';
import { violations } from './invariants.ts';
import { BALANCERS, randomScenario } from './random-scenario.ts';

const SEEDS = 1000;
/** What the faults have to bring about several times, or nothing was put to the test. */
const EVENTS = ['outlier.ejected', 'outlier.reinstated', 'health.unhealthy', 'breaker.open', 'upstream.fail-open'];

describe('random faults', () => {
  for (const [index, name] of BALANCERS.entries()) {
    it(`break nothing that is promised: ${name}`, async () => {
      const found: string[] = [];
      const seen = new Map<string, number>(EVENTS.map((event) => [event, 0]));
      for (let seed = index; seed < SEEDS; seed += BALANCERS.length) {
        const { scenario, balancer } = randomScenario(seed);
        for (const run of await compare(scenario)) {
          for (const violation of violations(scenario, balancer, run)) found.push(`seed ${seed}: ${violation}`);
          for (const event of EVENTS) seen.set(event, seen.get(event)! + run.log.count(event));
        }
      }
      assert.deepEqual(found, []);
      for (const [event, count] of seen) assert.ok(count >= 5, `${event} ${count} times`);
    });
  }
});
