import type { TableHandle } from './handle.ts';
import type { PlannedUpstream } from './plan.ts';
import type { Snapshot, SnapshotSource } from './snapshot.ts';

/** A connection to a node that can wait for its next request. */
export interface PooledConnection {
  readonly handle: TableHandle;
  /** Requests that it has carried. */
  readonly requests: number;
  /** False once it has ended or failed. */
  readonly alive: boolean;
  /** Begins to wait: destroys itself after `timeoutMs`, or as soon as the node ends it or sends anything. */
  rest(timeoutMs: number): void;
  destroy(): void;
}

type Keepalive = PlannedUpstream['keepalive'];

/**
 * Idle connections of one worker, by node. The one used last is used next, so that those not needed grow old and close.
 * It holds nothing for a node that has left the snapshot, and takes nothing back for one.
 */
export class ConnectionPool<C extends PooledConnection> {
  readonly #idle = new Map<TableHandle, C[]>();
  readonly #snapshots: SnapshotSource;
  #known: Snapshot | null = null;
  readonly #members = new Set<TableHandle>();
  #closed = false;

  constructor(snapshots: SnapshotSource) {
    this.#snapshots = snapshots;
    snapshots.onReplaced((snapshot) => this.#dropDeparted(snapshot));
  }

  /** Idle connections, all nodes together. */
  get size(): number {
    let total = 0;
    for (const stack of this.#idle.values()) total += stack.length;
    return total;
  }

  /** An idle connection to the node; null when there is none. */
  take(handle: TableHandle): C | null {
    const stack = this.#idle.get(handle);
    if (stack === undefined) return null;
    for (let connection = stack.pop(); connection; connection = stack.pop()) {
      if (connection.alive) return connection;
    }
    return null;
  }

  /** Takes back a connection whose last request was fully sent and answered; closes it if it may not be kept. */
  put(connection: C, keepalive: Keepalive): void {
    if (!this.#keeps(connection, keepalive)) return connection.destroy();
    const stack = this.#idle.get(connection.handle);
    if (stack === undefined) this.#idle.set(connection.handle, [connection]);
    else if (stack.length < keepalive.size) stack.push(connection);
    else return connection.destroy();
    connection.rest(keepalive.idleTimeout);
  }

  /** Forgets a connection that ended while it was idle. */
  remove(connection: C): void {
    const stack = this.#idle.get(connection.handle);
    const index = stack?.lastIndexOf(connection) ?? -1;
    if (index >= 0) stack!.splice(index, 1);
  }

  /** Closes what is idle, and from now on whatever comes back. */
  close(): void {
    this.#closed = true;
    for (const stack of this.#idle.values()) destroyAll(stack);
    this.#idle.clear();
  }

  #keeps(connection: C, keepalive: Keepalive): boolean {
    if (this.#closed || keepalive.size === 0 || !connection.alive) return false;
    return connection.requests < keepalive.requests && this.#isMember(connection.handle);
  }

  /** Membership is looked up only for nodes whose first connection comes back: the rest have a stack already. */
  #isMember(handle: TableHandle): boolean {
    if (this.#idle.has(handle)) return true;
    const snapshot = this.#snapshots.current;
    if (this.#known !== snapshot) {
      this.#members.clear();
      for (const upstream of snapshot.upstreams.values()) {
        for (const member of upstream.handles) this.#members.add(member);
      }
      this.#known = snapshot;
    }
    return this.#members.has(handle);
  }

  #dropDeparted(snapshot: Snapshot): void {
    this.#known = null;
    this.#members.clear();
    if (this.#idle.size === 0) return;
    const departed = new Map(this.#idle);
    for (const upstream of snapshot.upstreams.values()) {
      for (const handle of upstream.handles) departed.delete(handle);
    }
    for (const [handle, stack] of departed) {
      this.#idle.delete(handle);
      destroyAll(stack);
    }
  }
}

/** Each connection takes itself out of the pool as it goes, so the stack is emptied first. */
function destroyAll<C extends PooledConnection>(stack: C[]): void {
  for (const connection of stack.splice(0)) connection.destroy();
}
