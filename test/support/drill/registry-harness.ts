/** A node that a registry is told of; a backend answers there with `name`. */
export interface DrillNode {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/**
 * What goes wrong between the gateway and a registry that runs. `none`: nothing. `cut`: every connection is reset. `error`:
 * each answer is an error of the server. `garbage`: each answer is something else than the protocol's. `part`: each answer
 * is well-formed and has only the first `PART` nodes. `backwards`: the registry's count of its changes is smaller than
 * it was, and goes on from there; what it lists is right.
 */
export type Fault = 'none' | 'cut' | 'error' | 'garbage' | 'part' | 'backwards';

/** How many nodes `part` leaves; less than half of the drill's eight. */
export const PART = 3;

/** Stands between the gateway and a real registry. */
export interface FaultProxy {
  /** Takes effect at once, for questions that are under way too. */
  set(fault: Fault): void;
  close(): Promise<void>;
}

/** A real registry with one service in it. */
export interface RegistryHarness {
  /** The discovery type. */
  readonly source: string;
  /** The service, as an upstream names it. */
  readonly service: string;
  readonly proxy: FaultProxy;
  /** What a gateway says of a registry that lists nothing after an outage. */
  readonly empty: { readonly state: 'held' | 'stale'; readonly reason: RegExp };
  /** Whether it tells how far it has counted, so that the count can go backwards. */
  readonly counts: boolean;
  /** The block under `discovery`, for a gateway behind the proxy or one that asks the registry itself. */
  discovery(behind: 'proxy' | 'nothing'): object;
  /** Resolve when the registry has taken it. */
  register(nodes: readonly DrillNode[]): Promise<void>;
  deregister(nodes: readonly DrillNode[]): Promise<void>;
  /** One of both, without waiting for more than that the registry has been told. */
  change(node: DrillNode, listed: boolean): Promise<void>;
  /** After many changes: resolves when the registry's answers are up to date. */
  settle(): Promise<void>;
  /** Resolves when the registry itself lists the node, or does not. */
  shows(node: DrillNode, listed: boolean): Promise<void>;
  /** Ends it without a word. */
  kill(): Promise<void>;
  /** Starts it at the same address with nothing in it. */
  restart(): Promise<void>;
  close(): Promise<void>;
}
