import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const READY_TRIES = 600;

/** The path of a binary that a script in test/servers built; null when it is not there. */
export function binaryOf(directory: string, name: string): string | null {
  const home = process.env.HEADGATE_SERVERS || join(homedir(), '.cache', 'headgate', 'servers');
  const binary = join(home, directory, name);
  try {
    accessSync(binary, constants.X_OK);
    return binary;
  } catch {
    return null;
  }
}

/** Ends a process that may have ended already, and waits for it. */
export async function endProcess(child: ChildProcess | null, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** A server in a process of its own, which can be ended and started again. */
export class ServerProcess {
  readonly #name: string;
  readonly #binary: string;
  readonly #arguments: readonly string[];
  #child: ChildProcess | null = null;

  constructor(name: string, binary: string, args: readonly string[]) {
    this.#name = name;
    this.#binary = binary;
    this.#arguments = args;
  }

  /** Resolves when `ready` does with true; throws with the server's last words when it ends or does not get there. */
  async start(ready: () => Promise<boolean>): Promise<void> {
    const child = spawn(this.#binary, this.#arguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output = (output + chunk).slice(-4000)));
    }
    for (let tries = 0; tries < READY_TRIES; tries++) {
      if (child.exitCode !== null) throw new Error(`${this.#name} ended at once:\n${output}`);
      if (await ready().catch(() => false)) return;
      await pause(100);
    }
    throw new Error(`${this.#name} was not ready in time:\n${output}`);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await endProcess(child, signal);
  }
}
