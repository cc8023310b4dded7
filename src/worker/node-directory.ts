import { type HandlePorts, type HandleSettings, TableHandle } from '../upstream/handle.ts';
import type { PlannedNode } from '../upstream/plan.ts';

interface Leaving {
  readonly handle: TableHandle;
  /** Version of the plan with which the node left. */
  readonly version: number;
}

/**
 * The handles of one worker, one per slot of the node table: the same object for as long as the slot is the node's, so
 * that what hangs on a handle (connection pools, cursors) survives every change of membership.
 */
export class NodeDirectory {
  readonly #ports: HandlePorts;
  readonly #handles = new Map<number, TableHandle>();
  readonly #leaving = new Map<number, Leaving>();

  constructor(ports: HandlePorts) {
    this.#ports = ports;
  }

  /** The handle of a planned node, with the plan's description of it. A node that was leaving comes back. */
  handle(planned: PlannedNode, settings: HandleSettings): TableHandle {
    this.#leaving.delete(planned.slot);
    const known = this.#handles.get(planned.slot);
    if (known && known.node.host === planned.node.host && known.node.port === planned.node.port) {
      known.describe(planned, settings);
      return known;
    }
    const handle = new TableHandle(planned, settings, this.#ports);
    this.#handles.set(planned.slot, handle);
    return handle;
  }

  /** The plan does not have the node any more. */
  leave(handle: TableHandle, version: number): void {
    this.#leaving.set(handle.slot, { handle, version });
  }

  /** True while some node has left and may still be in use. */
  get hasLeaving(): boolean {
    return this.#leaving.size > 0;
  }

  /**
   * Forgets the nodes that left and can't be touched any more: no snapshot older than their leaving is in use
   * (`oldestInUse`), and nothing is under way on them. Returns their slots by version of leaving.
   */
  releaseUnused(oldestInUse: number): ReadonlyMap<number, readonly number[]> {
    const released = new Map<number, number[]>();
    for (const [slot, { handle, version }] of this.#leaving) {
      if (oldestInUse < version || handle.ownInflight() > 0) continue;
      this.#leaving.delete(slot);
      if (this.#handles.get(slot) === handle) this.#handles.delete(slot);
      const slots = released.get(version) ?? [];
      slots.push(slot);
      released.set(version, slots);
    }
    return released;
  }
}
