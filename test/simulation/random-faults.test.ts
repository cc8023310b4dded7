import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compare } from '../../src/simulation/compare.ts';
import { violations } from './invariants.ts';
import { BALANCERS, randomScenario } from './random-scenario.ts';

const SEEDS = 1000;

describe('random faults', () => {
  for (const [index, name] of BALANCERS.entries()) {
    it(`break nothing that is promised: ${name}`, async () => {
      const found: string[] = [];
      for (let seed = index; seed < SEEDS; seed += BALANCERS.length) {
        const { scenario, balancer } = randomScenario(seed);
        for (const run of await compare(scenario)) {
          for (const violation of violations(scenario, balancer, run)) found.push(`seed ${seed}: ${violation}`);
        }
      }
      assert.deepEqual(found, []);
    });
  }
});
