import { OUTCOMES } from '../balancers/types.ts';

/** The form of names that metrics, views and logs use. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** How the outcomes are called in metrics, views and logs, in the order of `Outcome`. */
export const OUTCOME_NAMES: readonly string[] = OUTCOMES.map(snakeCase);
