import { Pool } from 'undici';
import { formatAddress } from '../core/address.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedUpstream } from '../upstream/plan.ts';
import type { Snapshot } from '../upstream/snapshot.ts';

/** A pool of undici's for each node, for as long as the node is there. */
export class NodeConnections {
  readonly #pools = new Map<TableHandle, Pool>();

  /** The pool of a node. */
  of(handle: TableHandle, plan: PlannedUpstream): Pool {
    let pool = this.#pools.get(handle);
    if (!pool) {
      pool = new Pool(`http://${formatAddress(handle.node)}`, {
        allowH2: false,
        connect: { timeout: plan.timeouts.connect },
        headersTimeout: plan.timeouts.read,
        bodyTimeout: plan.timeouts.read,
        keepAliveTimeout: plan.keepalive.idleTimeout,
      });
      this.#pools.set(handle, pool);
    }
    return pool;
  }

  /** Closes the pools of nodes that the snapshot does not have; requests under way on them end as they would. */
  keep(snapshot: Snapshot): void {
    const present = new Set([...snapshot.upstreams.values()].flatMap((upstream) => upstream.handles));
    for (const [handle, pool] of this.#pools) {
      if (present.has(handle)) continue;
      this.#pools.delete(handle);
      pool.close().catch(() => undefined);
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  /** Fails what is under way. */
  async destroy(error: Error | null): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy(error)));
  }
}
