import type { Address } from '../core/address.ts';

/**
 * What one probe found. `tcp`: no connection, it broke, or what came was not the protocol. `status`: an answer that
 * counts as a failure.
 */
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

/**
 * `unknown` is what nobody has decided yet: usable, but not known to be good. `pending` is the same for a target whose
 * checks are a gate: it takes no traffic before its first success.
 */
export type HealthState = 'unknown' | 'pending' | 'healthy' | 'unhealthy';

/** How a probe speaks TLS. */
export interface TlsQuestion {
  /** Whether a certificate that is not trusted, or is another's, is a failure. */
  readonly verify: boolean;
  /** The name to ask for (SNI) and to find in the certificate; null for the probe's host or the node's own. */
  readonly serverName: string | null;
  /** Certificates to trust, as PEM; null for those that the process trusts. */
  readonly ca: string | null;
}

export interface HttpQuestion {
  readonly type: 'http';
  /** Null for plain text. */
  readonly tls: TlsQuestion | null;
  readonly method: string;
  /** Path and query, as sent. */
  readonly path: string;
  /** The Host header; null sends the address. */
  readonly host: string | null;
  /** More header lines, each `Name: value`. A Host or User-Agent among them replaces the probe's own. */
  readonly headers: readonly string[];
  readonly healthyStatuses: readonly number[];
  readonly unhealthyStatuses: readonly number[];
  /** What the body must match (`core/pattern.ts`); null when the body does not matter. */
  readonly expectBody: string | null;
  /** Bytes of the body that are looked at. */
  readonly bodyLimit: number;
}

/** A connection, and what may be said over it. `send` and `expect` are bytes as hex digits. */
export interface TcpQuestion {
  readonly type: 'tcp';
  readonly tls: TlsQuestion | null;
  readonly send: string | null;
  readonly expect: string | null;
}

/** `grpc.health.v1.Health/Check`. */
export interface GrpcQuestion {
  readonly type: 'grpc';
  readonly tls: TlsQuestion | null;
  /** Null sends the address. */
  readonly host: string | null;
  readonly headers: readonly string[];
  /** Empty for the server as a whole. */
  readonly service: string;
}

/** A datagram and what answers it. Without `expect` any answer is a success, and so is silence without a refusal. */
export interface UdpQuestion {
  readonly type: 'udp';
  readonly send: string | null;
  readonly expect: string | null;
}

export type Question = HttpQuestion | TcpQuestion | GrpcQuestion | UdpQuestion;

/** How long a node that falls again and again is kept out: see `Damper`. */
export interface Damping {
  readonly holdMs: number;
  readonly maxMs: number;
}

/** Active checks as `checks.active` of an upstream asks for them. A threshold of 0 is never reached. */
export interface ActiveCheckPlan {
  readonly question: Question;
  readonly timeoutMs: number;
  /** Probes under way at once for one upstream. */
  readonly concurrency: number;
  /** While results point to a change that is not decided yet; null for no other interval than the usual one. */
  readonly fastIntervalMs: number | null;
  /** Whether a new target takes no traffic before its first success. */
  readonly gate: boolean;
  readonly damping: Damping | null;
  /** While the node is healthy or unknown; `successes` in a row make it healthy. */
  readonly healthy: { readonly intervalMs: number; readonly successes: number };
  /** While the node is unhealthy; each kind of failure has its own threshold. */
  readonly unhealthy: {
    readonly intervalMs: number;
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
  /** It took traffic before anybody checked it: a gate does not shut it out. */
  readonly serves?: boolean;
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
  /** Successes do not make it healthy before this time, because it has fallen too often; 0 when nothing holds it. */
  readonly heldUntil: number;
}
