import { type Run, Simulation } from './run.ts';
import type { Scenario } from './scenario.ts';

/** Runs a scenario once with each balancer that it names: the same nodes, the same load, the same events. */
export async function compare(scenario: Scenario): Promise<readonly Run[]> {
  const own = (scenario.upstream as { type?: string } | undefined)?.type ?? 'roundrobin';
  const runs: Run[] = [];
  for (const balancer of scenario.compare ?? [own]) runs.push(await new Simulation(scenario, balancer).run());
  return runs;
}
