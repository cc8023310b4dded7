import type { DataPlane, ListenerPlan } from '../l4/listener.ts';
import type { AccessLog } from '../telemetry/access-log.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import type { Router } from './router.ts';
import type { HttpSettings } from './settings.ts';
import type { UpstreamDeps } from './upstream-connection.ts';

/** What the connections of one HTTP listener share. */
export interface HttpContext extends UpstreamDeps {
  readonly plan: ListenerPlan;
  readonly plane: DataPlane;
  readonly settings: HttpSettings;
  readonly accessLog: AccessLog | null;
  /** No answer invites another request any more. */
  readonly draining: boolean;
  /** Port that clients connect to. */
  readonly port: number;
  routerOf(snapshot: Snapshot): Router;
  /** Counts bytes that were written to clients. */
  countSent(bytes: number): void;
  /** Reports a bug: an exception that ended one exchange. */
  reportCrash(error: unknown): void;
}
