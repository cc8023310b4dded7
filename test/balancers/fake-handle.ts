import assert from 'node:assert/strict';
import type { NodeHandle, PickContext, Picker } from '../../src/balancers/types.ts';
import type { Random } from '../../src/core/random.ts';

/** A node whose load the test sets, and which tells how often its load was looked at. */
export class FakeHandle implements NodeHandle {
  readonly node;
  readonly weight: number;
  load = 0;
  looks = 0;
  peak = 0;

  constructor(name: string, weight = 1) {
    this.node = { host: name, port: 80, weight, priority: 0, metadata: {}, tags: [] };
    this.weight = weight;
  }

  inflight(): number {
    this.looks += 1;
    return this.load;
  }

  peakLatency(): number {
    return this.peak;
  }

  begin(): void {
    this.load += 1;
  }

  answered(micros: number): void {
    this.peak = micros;
  }

  end(): void {
    this.load -= 1;
  }
}

/** Nodes named a, b, c, …, one for each weight. */
export function nodesOf(...weights: readonly number[]): FakeHandle[] {
  return weights.map(
    (weight, index) => new FakeHandle(index < 26 ? String.fromCharCode(97 + index) : `n${index}`, weight),
  );
}

/** Makes every round begin with the first node. */
export const noChance: Random = { next: () => 0, below: () => 0 };

export function contextOf(tried: readonly NodeHandle[] = []): PickContext {
  return { hash: 0, now: 0, tried };
}

/** None of the nodes with these indices is picked, and nothing only when there are no others. */
export function picksUntried(picker: Picker, handles: readonly NodeHandle[], indices: readonly number[]): void {
  const tried = [...new Set(indices)].flatMap((index) => handles[index] ?? []);
  for (let pick = 0; pick < 20; pick++) {
    const handle = picker.pick(contextOf(tried));
    if (tried.length === handles.length) assert.equal(handle, null);
    else assert.ok(handle && !tried.includes(handle));
  }
}

/** The names of the next `count` picks. */
export function picksOf(picker: Picker, count: number, tried: readonly NodeHandle[] = []): string {
  const context = contextOf(tried);
  return Array.from({ length: count }, () => picker.pick(context)?.node.host ?? '-').join(' ');
}

/** How often each node is picked in `count` picks. */
export function sharesOf(picker: Picker, count: number): Map<NodeHandle, number> {
  const context = contextOf();
  const shares = new Map<NodeHandle, number>();
  for (let pick = 0; pick < count; pick++) {
    const handle = picker.pick(context)!;
    shares.set(handle, (shares.get(handle) ?? 0) + 1);
  }
  return shares;
}
