import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Order } from './node.ts';

const FIRST_PORT = 17_001;
const NODE = join(import.meta.dirname, 'node.ts');
const WELL: Order = { extraMs: 0, fails: 0, flapMs: null };

export const NODE_PORTS: readonly number[] = Array.from({ length: 10 }, (_, index) => FIRST_PORT + index);

/** Tells a registry that a node comes or goes. */
export type Announce = (port: number, comes: boolean) => Promise<void>;

/** Ten nodes, each a process, all on one core. */
export class Fleet {
  readonly #core: number;
  readonly #nodes = new Map<number, ChildProcess>();

  private constructor(core: number) {
    this.#core = core;
  }

  static async start(core: number): Promise<Fleet> {
    const fleet = new Fleet(core);
    await Promise.all(NODE_PORTS.map((port) => fleet.#start(port)));
    return fleet;
  }

  /** Tells some nodes what to do; all others are well. */
  order(orders: ReadonlyMap<number, Partial<Order>>): void {
    for (const [port, node] of this.#nodes) node.send({ ...WELL, ...orders.get(port) });
  }

  /** SIGTERM, `downMs` without the node, and it is back. */
  async restart(port: number, downMs: number, announce: Announce | null): Promise<void> {
    await announce?.(port, false);
    await this.#stop(port);
    await pause(downMs);
    await this.#start(port);
    await announce?.(port, true);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes.keys()].map((port) => this.#stop(port)));
  }

  async #start(port: number): Promise<void> {
    const name = `n${port - FIRST_PORT + 1}`;
    const node = spawn('taskset', ['-c', String(this.#core), process.execPath, NODE, name, String(port)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#nodes.set(port, node);
    const said = await Promise.race([once(node, 'message'), once(node, 'exit')]);
    if (said[0] !== 'listening') throw new Error(`no node could be started on port ${port}`);
  }

  async #stop(port: number): Promise<void> {
    const node = this.#nodes.get(port);
    this.#nodes.delete(port);
    if (!node) return;
    const exited = once(node, 'exit');
    node.kill('SIGTERM');
    const hurry = setTimeout(() => node.kill('SIGKILL'), 3000);
    await exited;
    clearTimeout(hurry);
  }
}
