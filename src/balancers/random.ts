import type { Random } from '../core/random.ts';
import { TwoChoicesPicker } from './two-choices.ts';
import type { Balancer } from './types.ts';

/** Two nodes drawn at random by weight, the one with less to do is picked (`random`), at any size of the set. */
export function createRandom(random: Random): Balancer {
  return { type: 'random', build: (ready) => new TwoChoicesPicker(ready, random) };
}
