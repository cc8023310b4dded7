import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess } from './server-process.ts';

const CHILD = join(import.meta.dirname, 'idle-clients-child.ts');
/** Descriptors that a proxy needs besides those of the connections that it relays. */
const OTHERS = 500;

/** So many connections, or as many as a proxy has descriptors for: it takes two for each. Linux only. */
export function relayable(wanted: number): number {
  const limit = /^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined ? wanted : Math.min(wanted, Math.floor((Number(limit) - OTHERS) / 2));
}

/** Open connections of another process. */
export class IdleClients {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when each has had an answer; rejects when one can't. `prefix`: a command that runs it, such as `taskset`. */
  static async open(port: number, count: number, prefix: readonly string[] = []): Promise<IdleClients> {
    const [command = '', ...args] = [...prefix, process.execPath, CHILD, String(port), String(count)];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the clients could not all be answered')));
    await Promise.race([once(child, 'message'), ended]);
    ended.catch(() => {});
    return new IdleClients(child);
  }

  /** Those that are open still. */
  async count(): Promise<number> {
    this.#child.send('count');
    const [open] = (await once(this.#child, 'message')) as [number];
    return open;
  }

  async close(): Promise<void> {
    await endProcess(this.#child, 'SIGKILL');
  }
}
