import { type Run, Simulation } from './run.ts';
import type { Scenario } from './scenario.ts';
import { variantsOf } from './variants.ts';

/** Runs a scenario once with each variant that it compares: the same nodes, the same requests, the same events. */
export async function compare(scenario: Scenario): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (const variant of variantsOf(scenario)) runs.push(await new Simulation(scenario, variant).run());
  return runs;
}
