import { compare } from '../../src/simulation/compare.ts';
import { scenarioFrom } from '../../src/simulation/read-scenario.ts';
import type { Run } from '../../src/simulation/run.ts';
import type { Scenario } from '../../src/simulation/scenario.ts';
import { BALANCERS } from './random-scenario.ts';

export const LATENCY = { median: 10, p99: 40 };

/** Runs a scenario, with every balancer unless it names others. */
export function play(scenario: Scenario): Promise<readonly Run[]> {
  return compare(scenarioFrom({ workers: 4, compare: [...BALANCERS], ...scenario }, 'test'));
}

/** Part of the picks of all nodes that one had between two moments, in seconds. */
export function shareOf({ record, fleet }: Run, node: string, from: number, to: number): number {
  const picks = (name: string) => record.picksOf(name, from * 1000, to * 1000);
  return picks(node) / fleet.names.reduce((sum, name) => sum + picks(name), 0);
}

/** Picks of a node between two moments, in seconds. */
export function picksOf({ record }: Run, node: string, from: number, to: number): number {
  return record.picksOf(node, from * 1000, to * 1000);
}

/** `value` is within the bounds, both included. */
export function within(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
