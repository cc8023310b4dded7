/** What `checks.passive` of an upstream asks for: when the answers of a node count against it. Ratios in [0, 1]. */
export interface OutlierPlan {
  /** Only reports what it would do. */
  readonly shadow: boolean;
  /** Share of failed uses at which a node is ejected; null for never. */
  readonly failureRatio: {
    readonly threshold: number;
    /** Uses in the window below which nothing is concluded. */
    readonly minRequests: number;
  } | null;
  /** Ejects nodes whose success rate is below the mean by more than `factor` standard deviations; null for never. */
  readonly successRate: {
    readonly factor: number;
    readonly minRequests: number;
    /** Nodes with that many uses below which there is nothing to compare with. */
    readonly minNodes: number;
  } | null;
  /** What both look at, in milliseconds. */
  readonly windowMs: number;
  readonly ejection: {
    /** The n-th ejection in a row lasts n times as long, up to `maxMs`. */
    readonly baseMs: number;
    readonly maxMs: number;
    /** Part of the nodes that may be ejected at once; one always may, if there are others. */
    readonly maxShare: number;
  };
}

/** Uses of a node since it has its row, and how many of them failed. Those that clients gave up count for nothing. */
export interface UseCounts {
  readonly total: number;
  readonly failed: number;
}

export interface OutlierNode {
  /** `<upstream id>|<host>:<port>`. */
  readonly key: string;
  /** Row in the node table. */
  readonly slot: number;
}

/** The nodes of one upstream, and what holds for them. */
export interface OutlierGroup {
  /** Id of the upstream. */
  readonly id: string;
  readonly plan: OutlierPlan;
  readonly nodes: readonly OutlierNode[];
}

/** `capped`: it would be, but as many are as may be. */
export type OutlierEventKind = 'ejected' | 'shadow' | 'capped' | 'reinstated';

export interface OutlierEvent {
  readonly kind: OutlierEventKind;
  readonly group: string;
  readonly key: string;
  /** For people: "5 failures in a row". */
  readonly reason: string;
  /** How long the node is left alone, in milliseconds; 0 when it is not. */
  readonly forMs: number;
}

/** An ejection as it stands. */
export interface Ejection {
  readonly reason: string;
  /** Which one in a row it is. */
  readonly times: number;
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly until: number;
}
