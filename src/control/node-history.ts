import { formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { editsBetween } from '../core/list-edits.ts';
import type { Node } from '../discovery/types.ts';
import type { GatheredNodes } from './node-sources.ts';

/** A node as the history remembers it. */
export interface RememberedNode {
  /** `host:port`. */
  readonly node: string;
  readonly weight: number;
  readonly priority: number;
  /** The source that it came from: `static`, `consul: web`. */
  readonly origin: string;
}

/** One change of an upstream's nodes. */
export interface HistoryEntry {
  /** Wall-clock milliseconds. */
  readonly at: number;
  /** What led to it, for people: `configuration`, `consul: web`, `start`. */
  readonly cause: string;
  readonly added: readonly RememberedNode[];
  readonly removed: readonly RememberedNode[];
  /** Same address, other weight, priority or origin. */
  readonly changed: readonly { readonly from: RememberedNode; readonly to: RememberedNode }[];
  /** Nodes after the change. */
  readonly total: number;
}

/** What is kept of one upstream; oldest change first. */
export interface UpstreamHistory {
  readonly nodes: readonly RememberedNode[];
  readonly entries: readonly HistoryEntry[];
}

/** Changes kept per upstream. */
const MAX_ENTRIES = 200;
/** Upstreams remembered; those without nodes are forgotten first. */
const MAX_UPSTREAMS = 10_000;

/**
 * The last changes of each upstream's nodes, so that "what changed five minutes before the errors" has an answer.
 *
 * Kept as differences: the nodes at an earlier time are those of now with the later changes taken back.
 */
export class NodeHistory {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #upstreams = new Map<string, { nodes: readonly RememberedNode[]; entries: HistoryEntry[] }>();

  constructor(clock: Clock, onChange: () => void = () => {}) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Notes the nodes that are in force from now on. Nothing is noted when they are the same as before. */
  record(upstreamId: string, { nodes, origins }: GatheredNodes, cause: string): void {
    const known = this.#upstreams.get(upstreamId) ?? { nodes: [], entries: [] };
    const after = nodes.map((node, index) => remember(node, origins[index]!));
    const entry = difference(known.nodes, after, this.#clock.wall(), cause);
    // Also when there is nothing to note: the next time the same objects are told by reference.
    known.nodes = after;
    if (!entry) return;
    known.entries.push(entry);
    if (known.entries.length > MAX_ENTRIES) known.entries.shift();
    this.#upstreams.set(upstreamId, known);
    if (this.#upstreams.size > MAX_UPSTREAMS) this.#forgetOne();
    this.#onChange();
  }

  get(upstreamId: string): UpstreamHistory | undefined {
    return this.#upstreams.get(upstreamId);
  }

  entries(): IterableIterator<[string, UpstreamHistory]> {
    return this.#upstreams.entries();
  }

  /** The nodes in force at a wall-clock time. Null when that is before what is remembered. */
  nodesAt(upstreamId: string, at: number): readonly RememberedNode[] | null {
    const history = this.#upstreams.get(upstreamId);
    const first = history?.entries[0];
    if (!history || !first || at < first.at) return null;
    const nodes = new Map(history.nodes.map((node) => [node.node, node]));
    for (const entry of history.entries.toReversed()) {
      if (entry.at <= at) break;
      for (const { node } of entry.added) nodes.delete(node);
      for (const node of entry.removed) nodes.set(node.node, node);
      for (const { from } of entry.changed) nodes.set(from.node, from);
    }
    return [...nodes.values()];
  }

  /** Takes over what an earlier process remembered. */
  restore(upstreamId: string, history: UpstreamHistory): void {
    this.#upstreams.set(upstreamId, { nodes: history.nodes, entries: history.entries.slice(-MAX_ENTRIES) });
  }

  #forgetOne(): void {
    const empty = [...this.#upstreams].find(([, { nodes }]) => nodes.length === 0);
    const id = empty?.[0] ?? this.#upstreams.keys().next().value;
    if (id !== undefined) this.#upstreams.delete(id);
  }
}

const remembered = new WeakMap<Node, RememberedNode>();

/** The same object as long as nothing of it changes: a large set is compared by reference. */
function remember(node: Node, origin: string): RememberedNode {
  const known = remembered.get(node);
  if (known?.origin === origin) return known;
  const made = { node: formatAddress(node), weight: node.weight, priority: node.priority, origin };
  remembered.set(node, made);
  return made;
}

function difference(
  before: readonly RememberedNode[],
  after: readonly RememberedNode[],
  at: number,
  cause: string,
): HistoryEntry | null {
  const edits = editsBetween(before, after, Object.is);
  const gone = edits.flatMap((edit) => before.slice(edit.at, edit.at + edit.remove));
  const left = new Map(gone.map((node) => [node.node, node]));
  const added: RememberedNode[] = [];
  const changed: { from: RememberedNode; to: RememberedNode }[] = [];
  for (const to of edits.flatMap(({ insert }) => insert)) {
    const from = left.get(to.node);
    left.delete(to.node);
    if (!from) added.push(to);
    else if (!isSame(from, to)) changed.push({ from, to });
  }
  const removed = [...left.values()];
  if (added.length + removed.length + changed.length === 0) return null;
  return { at, cause, added, removed, changed, total: after.length };
}

function isSame(a: RememberedNode, b: RememberedNode): boolean {
  return a.weight === b.weight && a.priority === b.priority && a.origin === b.origin;
}
