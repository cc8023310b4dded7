import type { CidrSet } from '../core/cidr.ts';
import type { HeadLimits } from './head.ts';

/** What all HTTP listeners of a worker have in common. */
export interface HttpSettings {
  /** Milliseconds from a head's first byte (for a new connection: from its beginning) until it is complete. */
  readonly headTimeoutMs: number;
  /** Milliseconds that a client may be silent between two requests, or inside a request's body. */
  readonly idleTimeoutMs: number;
  readonly limits: HeadLimits;
  /** Peers whose forwarding fields are believed. */
  readonly trusted: CidrSet;
}
