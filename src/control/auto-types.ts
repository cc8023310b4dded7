import type { RouteClaim, TagWarning } from '../discovery/claims.ts';
import type { Node } from '../discovery/types.ts';

/** A route that a registry's tags ask for: to `upstream`, for whatever `claim` matches. */
export interface AutoRoute {
  /** Stable over time: `auto:<source>:<service>:<claim>`. */
  readonly id: string;
  readonly source: string;
  readonly service: string;
  readonly claim: RouteClaim;
  /** Id of the `AutoUpstream` that takes the traffic. */
  readonly upstream: string;
}

/** The instances that ask for the same routes. */
export interface AutoUpstream {
  /** `auto:<source>:<service>`; instances of one service that ask for different routes add a claim to it. */
  readonly id: string;
  readonly source: string;
  readonly service: string;
  readonly nodes: readonly Node[];
}

export interface AutoWarning extends TagWarning {
  readonly source: string;
}

/** Two claims to the same requests. The holder serves them. */
export interface RouteConflict {
  /** What both claim, for people: `api.example.com/orders/*`, `tcp port 5432`. */
  readonly claim: string;
  /** Route ids, `auto:<source>:<service>:<claim>`. */
  readonly holder: string;
  readonly refused: string;
}

/** What the registries' services ask for at one moment. */
export interface AutoRoutes {
  readonly routes: readonly AutoRoute[];
  readonly upstreams: readonly AutoUpstream[];
  readonly conflicts: readonly RouteConflict[];
  readonly warnings: readonly AutoWarning[];
}

export const NO_AUTO_ROUTES: AutoRoutes = { routes: [], upstreams: [], conflicts: [], warnings: [] };

/** A claim and the instances behind it. */
export interface Demand {
  readonly id: string;
  readonly source: string;
  readonly service: string;
  readonly claim: RouteClaim;
  readonly nodes: readonly Node[];
}
