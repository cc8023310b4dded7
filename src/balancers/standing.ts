import type { NodeHandle, PickContext, Picker } from './types.ts';

/**
 * How far the nodes of a round are behind their fair share, in picks: 1 means that the next pick is overdue, -1 that the
 * node has just had one too many. What is owed to some was had by others, so the values of a round sum up to zero.
 */
export interface Standing {
  /** Of the nodes that were in the round before. */
  readonly owed: ReadonlyMap<NodeHandle, number>;
  /** Of each of the others. */
  readonly newcomer: number;
}

/** A picker of any round-robin kind: the kinds hand their round to one another through the standing. */
export interface RoundRobinPicker extends Picker {
  pick(context: PickContext): NodeHandle | null;
  /** Adds what every node is owed; nodes that come up sooner first where the kind knows it cheaply. */
  standing(into: Map<NodeHandle, number>): void;
}

/**
 * What the nodes that stay are owed in the next round. Null when none stays: there is no round to continue.
 *
 * Those that stay keep what they are owed, within one pick, and the newcomers make up for it together. To move everybody
 * back to a sum of zero instead would take from a node that stays what it waited for, and if others come and go often
 * enough it would never be picked.
 */
export function carryOver(ready: readonly NodeHandle[], previous: Picker | null): Standing | null {
  if (!previous) return null;
  const owed = new Map<NodeHandle, number>();
  (previous as RoundRobinPicker).standing(owed);
  const present = new Set(ready);
  let sum = 0;
  for (const [handle, value] of owed) {
    if (present.has(handle)) sum += value;
    else owed.delete(handle);
  }
  if (owed.size === 0) return null;
  const newcomers = present.size - owed.size;
  const excess = newcomers === 0 ? sum / owed.size : 0;
  for (const [handle, value] of owed) owed.set(handle, withinOnePick(value - excess));
  return { owed, newcomer: newcomers === 0 ? 0 : withinOnePick(-sum / newcomers) };
}

function withinOnePick(owed: number): number {
  return Math.max(-1, Math.min(1, owed));
}
