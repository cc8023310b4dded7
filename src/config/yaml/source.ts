import type { LineCounter, Node, Pair, YAMLMap, YAMLSeq } from 'yaml';
import { isPair } from 'yaml';
import type { Finding, Path, Problem } from '../problem.ts';
import { formatPath } from '../problem.ts';

/** A map or list of the document as data, and the part of the text that it was read from. */
export type Container = YAMLMap | YAMLSeq;

/** Finds the place in the file for each value that was read from it. */
export class Source {
  readonly file: string;
  readonly #lines: LineCounter;
  readonly #containers = new WeakMap<object, Container>();
  readonly #pairsByKey = new WeakMap<object, ReadonlyMap<string, Pair>>();

  constructor(file: string, lines: LineCounter) {
    this.file = file;
    this.#lines = lines;
  }

  /** Remembers what `data` was read from. */
  record(data: object, container: Container): void {
    this.#containers.set(data, container);
  }

  /** A problem at an offset into the text. */
  problemAt(offset: number, path: Path, message: string, hint: string): Problem {
    const { line, col } = this.#lines.linePos(offset);
    return {
      file: this.file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: formatPath(path),
      message,
      hint,
    };
  }

  /** The problem at the place of a finding, or the nearest place above it that exists. */
  place(root: unknown, finding: Finding): Problem {
    let offset = 0;
    let data = root;
    for (const [depth, step] of finding.path.entries()) {
      const item = this.#member(data, step);
      if (!item) break;
      const last = depth === finding.path.length - 1;
      offset = offsetOf(item, last && finding.on === 'key') ?? offset;
      data = (data as Record<string | number, unknown>)[step];
    }
    return this.problemAt(offset, finding.path, finding.message, finding.hint);
  }

  #member(data: unknown, step: string | number): Pair | Node | undefined {
    if (typeof data !== 'object' || data === null) return undefined;
    const items = (this.#containers.get(data)?.items ?? []) as (Pair | Node)[];
    return typeof step === 'number' ? items[step] : this.#pairs(data, items).get(step);
  }

  #pairs(data: object, items: readonly (Pair | Node)[]): ReadonlyMap<string, Pair> {
    let pairs = this.#pairsByKey.get(data);
    if (!pairs) {
      // Of duplicate keys the data holds the first.
      pairs = new Map(items.toReversed().flatMap((item) => (isPair(item) ? [[keyText(item) ?? '', item]] : [])));
      this.#pairsByKey.set(data, pairs);
    }
    return pairs;
  }
}

/** A value that is written nowhere, as in `key:`, stands at its key. */
function offsetOf(item: Pair | Node, wantKey: boolean): number | undefined {
  if (!isPair(item)) return item.range?.[0];
  const key = item.key as Node | null;
  const value = item.value as Node | null;
  const empty = !value?.range || value.range[0] === value.range[1];
  return (wantKey || empty ? key : value)?.range?.[0];
}

/** The key of a pair as text; null when it is not a plain one. */
export function keyText(pair: Pair): string | null {
  const key = pair.key as { value?: unknown; source?: string } | null;
  if (typeof key?.value === 'string') return key.value;
  if (typeof key?.value === 'number' || typeof key?.value === 'boolean') return key.source ?? String(key.value);
  return null;
}
