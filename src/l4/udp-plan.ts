import type { ListenerPlan } from './listener.ts';

/** A UDP listener: `maxConnections` bounds its sessions by what the system can hold, `maxSessions` by what is configured. */
export interface UdpListenerPlan extends ListenerPlan {
  /** Milliseconds without a datagram either way after which a session ends. */
  readonly idleTimeoutMs: number;
  /** Replies to each datagram of a client after which its session ends; null when their number is not known. */
  readonly responses: number | null;
  /** Sessions of all workers. */
  readonly maxSessions: number;
  /** Of these each worker is sure of so many, however many the others have; 1 or more. */
  readonly evenShare: number;
  /** Sessions of all workers with one client address; 0 for no bound. */
  readonly maxSessionsPerSource: number;
}
