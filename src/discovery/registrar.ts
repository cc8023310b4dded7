import type { Closable } from '../core/scope.ts';

/** What this Headgate says of itself to a registry. */
export interface OwnState {
  readonly ready: boolean;
  /** Why not, for people; empty when ready. */
  readonly reasons: readonly string[];
}

/** Where and as what this Headgate registers itself. */
export interface OwnAddress {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly port: number;
}

/** Registers this Headgate itself in one registry. Every call rejects with a HeadgateError when it did not succeed. */
export interface Registrar extends Closable {
  /** Name of the registry, for messages. */
  readonly registry: string;
  /** Milliseconds between two heartbeats. */
  readonly interval: number;
  /** Milliseconds that a call may take. */
  readonly patience: number;
  /** Registers, or replaces the registration. */
  register(state: OwnState, signal: AbortSignal): Promise<void>;
  /** A heartbeat; registers anew where the registry has forgotten. */
  renew(state: OwnState, signal: AbortSignal): Promise<void>;
  /** Takes the registration back wherever it was made. Not to be registered any more is success. */
  deregister(signal: AbortSignal): Promise<void>;
}
