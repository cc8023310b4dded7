import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Catalogs } from '../discovery/catalogs.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { Assembly } from './assembly.ts';
import type { AutoRouter } from './auto-router.ts';
import type { ListenerPlans } from './listeners.ts';
import type { NodeHistory } from './node-history.ts';
import type { NodeOverrides } from './node-overrides.ts';
import type { Publisher } from './publisher.ts';
import type { Readiness } from './readiness.ts';
import type { ReloadRecord } from './reload-record.ts';
import type { Statistics } from './statistics.ts';
import type { Supervision } from './supervision.ts';
import type { WorkerPool } from './worker-pool.ts';

/** The parts of a gateway that its views are made from. */
export interface StateOfGateway {
  readonly clock: Clock;
  readonly statistics: Statistics;
  readonly publisher: Publisher;
  readonly assembly: Assembly;
  readonly autoRouter: AutoRouter;
  readonly nodeSets: NodeSets;
  readonly catalogs: Catalogs;
  readonly monitor: HealthMonitor;
  readonly supervision: Supervision;
  readonly listeners: ListenerPlans;
  readonly pool: WorkerPool;
  readonly readiness: Readiness;
  readonly reloads: ReloadRecord;
  readonly history: NodeHistory;
  readonly overrides: NodeOverrides;
  readonly log: Log;
}
