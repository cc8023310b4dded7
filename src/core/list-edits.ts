/** One change of a list: at place `at` of the list before, `remove` entries go and `insert` takes their place. */
export interface ListEdit<T> {
  readonly at: number;
  readonly remove: number;
  readonly insert: readonly T[];
}

/** Lists that differ in more entries are not compared further: what lies between the first and last difference is replaced. */
const MAX_DIFFERENCES = 1000;

/** The list after edits that are in order of place and do not overlap. */
export function applyEdits<T>(list: readonly T[], edits: readonly ListEdit<T>[]): readonly T[] {
  const [only] = edits;
  if (!only) return list;
  if (edits.length === 1) return [...list.slice(0, only.at), ...only.insert, ...list.slice(only.at + only.remove)];
  const parts: (readonly T[])[] = [];
  let from = 0;
  for (const { at, remove, insert } of edits) {
    parts.push(list.slice(from, at), insert);
    from = at + remove;
  }
  parts.push(list.slice(from));
  return parts.flat(1) as T[];
}

/**
 * Edits that make `after` of `before`, as few entries as possible: the shortest script of Myers, "An O(ND) Difference
 * Algorithm" (1986), between the first and the last difference. Costs next to nothing for a few changes in a long list.
 */
export function editsBetween<A, B>(
  before: readonly A[],
  after: readonly B[],
  same: (a: A, b: B) => boolean,
): readonly ListEdit<B>[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && same(before[head]!, after[head]!)) head += 1;
  let tail = 0;
  while (tail < shorter - head && same(before[before.length - 1 - tail]!, after[after.length - 1 - tail]!)) tail += 1;
  const removed = before.length - head - tail;
  const inserted = after.length - head - tail;
  if (removed === 0 && inserted === 0) return [];
  const steps =
    removed === 0 || inserted === 0
      ? null
      : stepsBetween(removed, inserted, (x, y) => same(before[head + x]!, after[head + y]!));
  if (!steps) return [{ at: head, remove: removed, insert: after.slice(head, head + inserted) }];
  return joined(steps).map(({ x, y, remove, insert }) => ({
    at: head + x,
    remove,
    insert: after.slice(head + y, head + y + insert),
  }));
}

/** Entry `x` of the one list goes, or entry `y` of the other comes before it. */
interface Step {
  readonly x: number;
  readonly y: number;
  readonly kind: 'remove' | 'insert';
}

/** Null when there are too many. `n` and `m`: lengths of the lists. */
function stepsBetween(n: number, m: number, same: (x: number, y: number) => boolean): readonly Step[] | null {
  const most = Math.min(n + m, MAX_DIFFERENCES);
  const origin = most + 1;
  /** The furthest `x` on each diagonal `x - y`, and what it was after each number of differences. */
  const furthest = new Int32Array(2 * most + 3);
  const rounds: Int32Array[] = [];
  for (let differences = 0; differences <= most; differences++) {
    for (let diagonal = -differences; diagonal <= differences; diagonal += 2) {
      const place = origin + diagonal;
      const down = comesDown(furthest, place, diagonal, differences);
      let x = down ? furthest[place + 1]! : furthest[place - 1]! + 1;
      let y = x - diagonal;
      while (x < n && y < m && same(x, y)) {
        x += 1;
        y += 1;
      }
      furthest[place] = x;
      if (x >= n && y >= m) return stepsBack(rounds, n, m);
    }
    rounds.push(furthest.slice(origin - differences - 1, origin + differences + 2));
  }
  return null;
}

/** Whether the furthest way to a diagonal is by an insertion: from the one above it. */
function comesDown(furthest: Int32Array, place: number, diagonal: number, differences: number): boolean {
  if (diagonal === -differences) return true;
  return diagonal !== differences && furthest[place - 1]! < furthest[place + 1]!;
}

/** Follows the way back from the ends of both lists. */
function stepsBack(rounds: readonly Int32Array[], n: number, m: number): readonly Step[] {
  const steps: Step[] = [];
  let x = n;
  let y = m;
  for (let differences = rounds.length; differences > 0; differences--) {
    const furthest = rounds[differences - 1]!;
    const diagonal = x - y;
    // A round's slice begins one diagonal below its lowest.
    const place = diagonal + differences;
    const down = comesDown(furthest, place, diagonal, differences);
    x = furthest[down ? place + 1 : place - 1]!;
    y = x - diagonal + (down ? -1 : 1);
    steps.push({ x, y, kind: down ? 'insert' : 'remove' });
  }
  return steps.reverse();
}

/** Steps with nothing between them make one edit. */
function joined(steps: readonly Step[]): { x: number; y: number; remove: number; insert: number }[] {
  const edits: { x: number; y: number; remove: number; insert: number }[] = [];
  for (const { x, y, kind } of steps) {
    let edit = edits.at(-1);
    if (!edit || x !== edit.x + edit.remove || y !== edit.y + edit.insert) {
      edit = { x, y, remove: 0, insert: 0 };
      edits.push(edit);
    }
    if (kind === 'remove') edit.remove += 1;
    else edit.insert += 1;
  }
  return edits;
}
