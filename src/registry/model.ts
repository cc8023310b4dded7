/** What the registry holds. Frozen values: a change replaces the record. Times are milliseconds. */

export type CheckStatus = 'passing' | 'warning' | 'critical';

export function isCheckStatus(text: unknown): text is CheckStatus {
  return text === 'passing' || text === 'warning' || text === 'critical';
}

export interface TaggedAddress {
  readonly Address: string;
  readonly Port: number;
}

/** One registered instance. */
export interface Service {
  readonly id: string;
  readonly name: string;
  /** Empty: the address of the node, that is of the registry's own machine. */
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly weights: { readonly passing: number; readonly warning: number };
  readonly taggedAddresses: Readonly<Record<string, TaggedAddress>>;
  readonly enableTagOverride: boolean;
}

/** Waits for a sign of life from the service. */
export interface TtlCheck {
  readonly kind: 'ttl';
  readonly ttl: number;
}

/** Asks a URL: 2xx passes, 429 warns, everything else is critical. */
export interface HttpCheck {
  readonly kind: 'http';
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  readonly skipTlsVerify: boolean;
  readonly interval: number;
  /** 0: the default. */
  readonly timeout: number;
}

/** Passes when a connection can be made. */
export interface TcpCheck {
  readonly kind: 'tcp';
  readonly target: string;
  readonly interval: number;
  /** 0: the default. */
  readonly timeout: number;
}

/** Set by an operator; never changes by itself. */
export interface MaintenanceCheck {
  readonly kind: 'maintenance';
}

export type CheckSource = TtlCheck | HttpCheck | TcpCheck | MaintenanceCheck;

export interface CheckDefinition {
  readonly id: string;
  readonly name: string;
  readonly notes: string;
  readonly serviceId: string;
  readonly source: CheckSource;
  /** Status until the first result; null: what the check of that id had before, else critical. */
  readonly initial: CheckStatus | null;
  /** A service that is critical for so long is deregistered; 0: never. */
  readonly deregisterAfter: number;
  /** Failures in a row that turn the check critical; 0 and 1 mean the first. */
  readonly failuresBeforeCritical: number;
  /** Successes in a row that turn the check passing; 0 and 1 mean the first. */
  readonly successBeforePassing: number;
}

export interface Check {
  readonly definition: CheckDefinition;
  readonly status: CheckStatus;
  /** What the last result said, for people. */
  readonly output: string;
  /** Monotonic time since which the check is critical; null while it is not. */
  readonly criticalSince: number | null;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

export interface Instance {
  readonly service: Service;
  readonly createIndex: number;
  readonly modifyIndex: number;
}
