import type { NodeHandle } from './types.ts';

/** How a slot table is laid out. */
export interface SlotLayout {
  /** Nodes that this layout is for: above `from`, up to `to`. */
  readonly from: number;
  readonly to: number;
  /** Size of the table, a power of two. */
  readonly slots: number;
  /** Slots that a node of average weight takes. */
  readonly perNode: number;
  /** The average weight, or near it. */
  readonly unit: number;
}

/** Each leaves the table between 1/64 and 1/8 full: fuller, more keys than need be would move; emptier, picks are slow. */
const SIZES: readonly Omit<SlotLayout, 'unit'>[] = [
  { from: 0, to: 256, slots: 2 ** 17, perNode: 64 },
  { from: 256, to: 2048, slots: 2 ** 18, perNode: 16 },
  { from: 2048, to: 16_384, slots: 2 ** 20, perNode: 8 },
  { from: 16_384, to: Number.POSITIVE_INFINITY, slots: 2 ** 21, perNode: 2 },
];

/** A size is kept until the number of nodes is this much out of its range, and a unit until the weights are this much off. */
const SIZE_SLACK = 1.15;
const UNIT_SLACK = Math.SQRT2;

/**
 * The layout for these nodes. Another layout means another place for most keys, so sizes and units come in coarse steps,
 * and the previous layout stays while it will do: a set that hovers about the end of a step doesn't move all its keys at
 * every change.
 */
export function layoutFor(handles: readonly NodeHandle[], previous: SlotLayout | null): SlotLayout {
  const count = handles.length;
  let sum = 0;
  // A weight that is lower for a while, as in a slow start, is not what the layout is for.
  for (const handle of handles) sum += Math.max(handle.node.weight, handle.weight);
  const mean = sum / count;
  const fits = previous !== null && count * SIZE_SLACK > previous.from && count <= previous.to * SIZE_SLACK;
  const size = fits ? previous : SIZES.find(({ to }) => count <= to)!;
  const drift = previous === null ? 0 : mean / previous.unit;
  const unit = drift >= 1 / UNIT_SLACK && drift <= UNIT_SLACK ? previous!.unit : stepNear(mean);
  if (previous !== null && fits && unit === previous.unit) return previous;
  const { from, to, slots, perNode } = size;
  return { from, to, slots, perNode, unit };
}

/** The nearest power of √2. */
function stepNear(weight: number): number {
  return 2 ** (Math.round(Math.log2(weight) * 2) / 2);
}
