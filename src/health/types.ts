import type { Address } from '../core/address.ts';

/** What one probe found. `tcp`: no connection or it broke. `status`: an answer with a status that counts as a failure. */
export type ProbeVerdict = 'success' | 'status' | 'tcp' | 'timeout' | 'neutral';

export interface ProbeResult {
  readonly verdict: ProbeVerdict;
  /** For people: "200 in 3 ms", "connection refused". */
  readonly detail: string;
}

/** One kind of question to a node. Stateless; never rejects; the monitor owns time and thresholds. */
export interface Probe {
  check(address: Address, signal: AbortSignal): Promise<ProbeResult>;
}

/** `unknown` is what nobody has decided yet: usable, but not known to be good. */
export type HealthState = 'unknown' | 'healthy' | 'unhealthy';

/** Active checks as `checks.active` of an upstream asks for them. A threshold of 0 is never reached. */
export interface ActiveCheckPlan {
  readonly type: 'http' | 'tcp';
  readonly timeoutMs: number;
  /** Probes under way at once for one upstream. */
  readonly concurrency: number;
  /** The Host header; null sends the address. */
  readonly host: string | null;
  readonly path: string;
  /** More header lines, each `Name: value`. */
  readonly headers: readonly string[];
  /** While the node is healthy or unknown; `successes` in a row make it healthy. */
  readonly healthy: { readonly intervalMs: number; readonly statuses: readonly number[]; readonly successes: number };
  /** While the node is unhealthy; each kind of failure has its own threshold. */
  readonly unhealthy: {
    readonly intervalMs: number;
    readonly statuses: readonly number[];
    readonly httpFailures: number;
    readonly tcpFailures: number;
    readonly timeouts: number;
  };
}

/** A node of an upstream that wants checks. */
export interface HealthTarget {
  /** `<upstream id>|<host>:<port>`; what stands before the last `|` is what the concurrency cap applies to. */
  readonly key: string;
  /** Where to probe: the node's host, and the port of the checks if they name one. */
  readonly address: Address;
  readonly checks: ActiveCheckPlan;
}

/** What the monitor knows of a target. Times are monotonic milliseconds. */
export interface TargetState {
  readonly key: string;
  readonly health: HealthState;
  /** When `health` became what it is; null while nothing was decided. */
  readonly changedAt: number | null;
  /** When the last probe ended, and what it found; null before the first. */
  readonly checkedAt: number | null;
  readonly last: ProbeResult | null;
}
