import type { NodeSetState } from '../discovery/types.ts';

/** A watched service, or a catalogue, as `GET /v1/discovery` shows it. Field names are those of the JSON. */
export interface WatchView {
  /** The discovery type: `consul`, … */
  readonly source: string;
  /** Null for the catalogue of the source. */
  readonly service: string | null;
  readonly args: Readonly<Record<string, string>>;
  readonly state: NodeSetState;
  /** Seconds since the registry last confirmed what is in force; null when it never did. */
  readonly age_seconds: number | null;
  /** True when what is in force comes from the cache on disk. */
  readonly cached: boolean;
  /** Nodes in force; for a catalogue, services. */
  readonly count: number;
  /** The last error, or what the guard holds back and until when. */
  readonly reason: string | null;
}

export interface SourceView {
  readonly source: string;
  /** Answers by what became of them, since the start. */
  readonly updates: Readonly<Record<string, number>>;
  /** Questions that failed, since the start. */
  readonly errors: number;
}

export interface DiscoveryView {
  readonly sources: readonly SourceView[];
  readonly watches: readonly WatchView[];
}

/** What the guard is told to let through. */
export interface ReleaseRequest {
  readonly source: string;
  readonly service: string | null;
  readonly args: Readonly<Record<string, string>>;
}

/** A node as the history remembers it. */
export interface PastNode {
  /** `host:port`. */
  readonly node: string;
  readonly weight: number;
  readonly priority: number;
  /** The source that it came from: `static`, `consul: web`. */
  readonly origin: string;
}

/** One change of an upstream's nodes. */
export interface ChangeView {
  readonly upstream: string;
  /** ISO 8601. */
  readonly at: string;
  readonly cause: string;
  readonly added: readonly PastNode[];
  readonly removed: readonly PastNode[];
  readonly changed: readonly { readonly from: PastNode; readonly to: PastNode }[];
  readonly total: number;
}

/** What is known of registries and of the past; the control thread implements it. Times are wall-clock milliseconds. */
export interface DiscoveryViews {
  discovery(): DiscoveryView;
  /** Lets through what the guard holds; false when it holds nothing there. */
  release(request: ReleaseRequest): boolean;
  /** Changes between two times, the newest first; of one upstream or of all. */
  changes(upstream: string | null, from: number, to: number): readonly ChangeView[];
  /** Nodes of an upstream at a time; null when that is not remembered. */
  nodesAt(upstream: string, at: number): readonly PastNode[] | null;
}
