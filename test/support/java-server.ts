import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess } from './server-process.ts';

/** The directory or file that an install script made; null when it has not been run. */
export function installed(...path: readonly string[]): string | null {
  const home = process.env.HEADGATE_SERVERS || join(homedir(), '.cache', 'headgate', 'servers');
  const place = join(home, ...path);
  try {
    accessSync(place);
    return place;
  } catch {
    return null;
  }
}

/** A server in a Java process of its own, with a directory that is gone with it. */
export class JavaServer {
  readonly directory: string;
  readonly #name: string;
  readonly #arguments: (directory: string) => readonly string[];
  readonly #ready: () => Promise<boolean>;
  #child: ChildProcess | null = null;

  private constructor(
    name: string,
    directory: string,
    args: (directory: string) => readonly string[],
    ready: () => Promise<boolean>,
  ) {
    this.#name = name;
    this.directory = directory;
    this.#arguments = args;
    this.#ready = ready;
  }

  /** Does not start it yet. */
  static async create(
    name: string,
    args: (directory: string) => readonly string[],
    ready: () => Promise<boolean>,
  ): Promise<JavaServer> {
    return new JavaServer(name, await mkdtemp(join(tmpdir(), `headgate-${name}-`)), args, ready);
  }

  /** Kills it if it runs, starts it, and resolves when it answers. */
  async restart(): Promise<void> {
    await this.kill();
    const args = [
      '-XX:TieredStopAtLevel=1',
      '-Xmx384m',
      `-Djava.io.tmpdir=${this.directory}`,
      ...this.#arguments(this.directory),
    ];
    const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.directory });
    this.#child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output = (output + chunk).slice(-4000)));
    }
    for (let tries = 0; tries < 900; tries++) {
      if (child.exitCode !== null) throw new Error(`${this.#name} ended at once:\n${output}`);
      if (await this.#ready().catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${this.#name} was not ready within 90 s:\n${output}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await endProcess(child, 'SIGKILL');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Throws when the answer is not one of success. */
export async function call(method: string, url: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(url, { ...init, method });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return text;
}
