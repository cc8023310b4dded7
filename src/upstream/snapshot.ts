import type { PlannedCertificate, PlannedRoute, PlannedStreamRoute } from './plan.ts';
import type { Upstream } from './upstream.ts';

/**
 * Everything that a worker routes by, at one moment. Immutable, replaced whole.
 *
 * A request keeps the snapshot that it started with until its answer has begun and no retry can follow; `users` counts
 * the requests that do, because a slot of the node table is given to another node only when no snapshot can pick it.
 */
export class Snapshot {
  readonly version: number;
  readonly routes: readonly PlannedRoute[];
  readonly streamRoutes: readonly PlannedStreamRoute[];
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly certificates: readonly PlannedCertificate[];
  /** Null when workers need not understand each other's session tickets. */
  readonly ticketKey: Uint8Array | null;
  users = 0;

  constructor(
    version: number,
    routes: readonly PlannedRoute[],
    streamRoutes: readonly PlannedStreamRoute[],
    upstreams: ReadonlyMap<string, Upstream>,
    certificates: readonly PlannedCertificate[] = [],
    ticketKey: Uint8Array | null = null,
  ) {
    this.version = version;
    this.routes = routes;
    this.streamRoutes = streamRoutes;
    this.upstreams = upstreams;
    this.certificates = certificates;
    this.ticketKey = ticketKey;
  }
}

/** Where the data path reads the snapshot in force, once per request or connection. */
export interface SnapshotSource {
  readonly current: Snapshot;
  /** Ends a use that was counted with `snapshot.users += 1`. */
  release(snapshot: Snapshot): void;
  /** Called after each replacement. */
  onReplaced(listener: (snapshot: Snapshot) => void): void;
}
