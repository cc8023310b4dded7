import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

/** One event as the log tells it. */
export interface LoggedEvent {
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

/** Runs `headgate` with these arguments to its end. */
export async function runHeadgate(args: readonly string[], env: Record<string, string> = {}): Promise<Exit> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** A `headgate run` in a process of its own, as a user starts it. */
export class HeadgateProcess {
  readonly events: LoggedEvent[] = [];
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<Exit>;
  #stderr = '';
  #waiting: (() => void)[] = [];
  #over = false;

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk));
    createInterface({ input: child.stdout! }).on('line', (line) => this.#line(line));
    this.#exited = once(child, 'close').then(([code, signal]) => {
      this.#over = true;
      this.#wake();
      return { code, signal, stdout: '', stderr: this.#stderr };
    });
  }

  /** Starts with a configuration (YAML or JSON text), more arguments, or both; resolves when it listens. */
  static async start(configuration: string | object | null, args: readonly string[] = []): Promise<HeadgateProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'headgate-test-'));
    const file = join(directory, 'headgate.yaml');
    const withFile = configuration === null ? [] : ['-c', file];
    if (configuration !== null) writeFileSync(file, textOf(configuration));
    const child = spawn(process.execPath, [MAIN, 'run', ...withFile, ...args], {
      env: { ...process.env, XDG_STATE_HOME: join(directory, 'state'), STATE_DIRECTORY: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const headgate = new HeadgateProcess(directory, child);
    await headgate.event('gateway.started');
    return headgate;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get httpPort(): number {
    return (this.#started.http as BoundAddress[])[0]!.port;
  }

  get tcpPort(): number {
    return this.tcpPorts[0]!;
  }

  /** In the order of `stream_listen`. */
  get tcpPorts(): readonly number[] {
    return (this.#started.tcp as BoundAddress[]).map(({ port }) => port);
  }

  get udpPort(): number {
    return (this.#started.udp as BoundAddress[])[0]!.port;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${(this.#started.admin as BoundAddress).port}`;
  }

  /** Replaces the configuration file; the process notices by itself. */
  configure(configuration: string | object): void {
    writeFileSync(join(this.directory, 'headgate.yaml'), textOf(configuration));
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** The first event of that name after the first `skip` events; waits for it. Throws when the process ends before. */
  async event(name: string, skip = 0): Promise<LoggedEvent> {
    for (;;) {
      const found = this.events.slice(skip).find((entry) => entry.event === name);
      if (found) return found;
      if (this.#over)
        throw new Error(`headgate ended before "${name}":\n${this.#stderr}\n${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The JSON of a path of the admin listener. */
  async admin<T = unknown>(path: string): Promise<T> {
    const response = await fetch(this.adminUrl + path);
    return (await response.json()) as T;
  }

  /** The value of one series of /metrics, such as `headgate_workers`; 0 when it is not there. */
  async metric(series: string): Promise<number> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? 0 : Number(line.slice(series.length + 1));
  }

  exited(): Promise<Exit> {
    return this.#exited;
  }

  /** SIGTERM, and SIGKILL if that does not end it within `patience` milliseconds. */
  async stop(patience = 20_000): Promise<Exit> {
    if (!this.#over) this.#child.kill('SIGTERM');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    const exit = await this.#exited;
    clearTimeout(kill);
    rmSync(this.directory, { recursive: true, force: true });
    return exit;
  }

  get #started(): LoggedEvent {
    const started = this.events.find((entry) => entry.event === 'gateway.started');
    if (!started) throw new Error('headgate has not started');
    return started;
  }

  #line(line: string): void {
    this.events.push(line.startsWith('{') ? JSON.parse(line) : { level: 'text', event: 'text', message: line });
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function textOf(configuration: string | object): string {
  return typeof configuration === 'string' ? configuration : JSON.stringify(configuration);
}
