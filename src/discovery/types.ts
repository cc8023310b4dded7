import type { HeadgateError } from '../core/errors.ts';

/** One place that traffic can go, as a registry or the configuration describes it. A frozen value. */
export interface Node {
  /** IP address or host name, without brackets. */
  readonly host: string;
  readonly port: number;
  /** 0 takes no new traffic. Default 1. */
  readonly weight: number;
  /** Higher is preferred, as in APISIX. Default 0. */
  readonly priority: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Registry tags in the registry's order; automatic routes are read from them. */
  readonly tags: readonly string[];
}

/** What identifies a node inside one upstream, over reloads and changes of membership. */
export type NodeKey = string;

/** Which service of which source is wanted. `source` is the discovery type: `consul`, `dns`, … */
export interface ServiceQuery {
  readonly source: string;
  readonly service: string;
  /** `discovery_args`: filters of the source, such as `tag` or `datacenter`. */
  readonly args: Readonly<Record<string, string>>;
}

/**
 * Takes what an adapter learns. Whole sets only; an empty set is an answer, `fail` is the lack of one.
 *
 * `doubt` says why the source may have lost its data although it answers, such as an index that went backwards: the guard
 * then holds back a set that collapses, whatever its size. Null says that the adapter has held the change back itself: the
 * guard lets it through.
 */
export interface NodeSink {
  set(nodes: readonly Node[], doubt?: string | null): void;
  fail(error: HeadgateError): void;
}

/** A service as a registry's catalogue lists it, with the union of its instances' tags. */
export interface CatalogEntry {
  readonly service: string;
  readonly tags: readonly string[];
}

export interface CatalogSink {
  set(entries: readonly CatalogEntry[], doubt?: string): void;
  fail(error: HeadgateError): void;
}

/**
 * Speaks one registry's protocol; knows nothing of health, upstreams or balancing.
 *
 * Both watches settle only after `signal` aborts. They never throw for the network: they report `fail`, wait, and go on.
 * No call reaches a sink after the abort.
 */
export interface Discovery {
  readonly type: string;
  watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void>;
  /** Present when the source can list its services: what automatic routes need. */
  watchCatalog?(sink: CatalogSink, signal: AbortSignal): Promise<void>;
}

/** `init`: no answer yet. `stale`: the last question failed. `held`: the guard holds a change back. `failed`: never answered. */
export type NodeSetState = 'init' | 'ok' | 'stale' | 'held' | 'failed';

/** What is known of one watched service: the nodes in force and how far they can be trusted. */
export interface NodeSet {
  readonly query: ServiceQuery;
  readonly nodes: readonly Node[];
  /** Grows by one whenever `nodes` is replaced by different content. */
  readonly version: number;
  readonly state: NodeSetState;
  /** True when `nodes` came from the cache on disk and no registry has confirmed it yet. */
  readonly cached: boolean;
  /** Monotonic milliseconds of the last good answer; null when there was none in this process. */
  readonly confirmedAt: number | null;
  /** Why `state` is what it is, for people: the last error, or what the guard held and until when. */
  readonly reason: string | null;
}

export function sourceKey(query: ServiceQuery): string {
  const args = Object.keys(query.args).sort();
  return JSON.stringify([query.source, query.service, ...args.map((key) => [key, query.args[key]])]);
}

/** For people: the service, with its filters when it has some. */
export function labelOf(query: ServiceQuery): string {
  const args = Object.entries(query.args).map(([key, value]) => `${key}=${value}`);
  return args.length > 0 ? `${query.service} (${args.sort().join(', ')})` : query.service;
}
