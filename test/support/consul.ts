import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-port.ts';

/** What installs the server. */
export const CONSUL_COMMAND = 'bash test/servers/consul.sh';

/** The binary that `test/servers/consul.sh` built; null when it has not been run. */
export function consulBinary(): string | null {
  const home = process.env.HEADGATE_SERVERS || join(homedir(), '.cache', 'headgate', 'servers');
  const binary = join(home, `consul-${process.env.CONSUL_VERSION || 'v1.19.2'}`, 'consul');
  try {
    accessSync(binary, constants.X_OK);
    return binary;
  } catch {
    return null;
  }
}

export interface ConsulSettings {
  /** Configuration of the agent besides the ports, such as `acl`. */
  readonly config?: Record<string, unknown>;
  readonly token?: string;
  /** Whether it answers DNS questions. */
  readonly dns?: boolean;
  /** Whether it can be joined with the servers of other datacentres. */
  readonly wan?: boolean;
}

/** A real Consul agent in development mode: it keeps everything in memory. */
export interface ConsulServer {
  /** `http://127.0.0.1:port`; the same over restarts. */
  readonly address: string;
  /** The port for DNS questions and the one that other datacentres join at; 0 where it was not asked for. */
  readonly dnsPort: number;
  readonly wanPort: number;
  /** PUTs `body` as JSON to a path such as `/v1/agent/service/register`; throws when the answer is not 200. */
  put(path: string, body?: unknown): Promise<void>;
  get(path: string): Promise<unknown>;
  /** POSTs, and resolves with the answer. */
  post(path: string, body: unknown): Promise<unknown>;
  delete(path: string): Promise<void>;
  /** Ends it in an orderly way. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again with nothing registered. */
  restart(): Promise<void>;
}

class ConsulProcess implements ConsulServer {
  readonly address: string;
  readonly dnsPort: number;
  readonly wanPort: number;
  readonly #arguments: readonly string[];
  readonly #binary: string;
  readonly #directory: string;
  readonly #headers: Record<string, string>;
  #child: ChildProcess | null = null;

  constructor(binary: string, directory: string, ports: readonly number[], settings: ConsulSettings) {
    const [http, serf, server, dns = 0, wan = 0] = ports;
    this.address = `http://127.0.0.1:${http}`;
    this.dnsPort = settings.dns ? dns : 0;
    this.wanPort = settings.wan ? wan : 0;
    this.#binary = binary;
    this.#directory = directory;
    this.#headers = settings.token === undefined ? {} : { 'x-consul-token': settings.token };
    this.#arguments = [
      ...['agent', '-dev', '-bind=127.0.0.1', '-client=127.0.0.1', '-disable-host-node-id', '-log-level=warn'],
      ...[
        `-http-port=${http}`,
        `-serf-lan-port=${serf}`,
        `-server-port=${server}`,
        `-serf-wan-port=${this.wanPort || -1}`,
      ],
      ...[`-dns-port=${this.dnsPort || -1}`, '-grpc-port=-1', '-grpc-tls-port=-1', `-config-dir=${directory}`],
    ];
  }

  async put(path: string, body?: unknown): Promise<void> {
    await this.#ask('PUT', path, body);
  }

  async get(path: string): Promise<unknown> {
    return JSON.parse(await this.#ask('GET', path));
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return JSON.parse(await this.#ask('POST', path, body));
  }

  async delete(path: string): Promise<void> {
    await this.#ask('DELETE', path);
  }

  async restart(): Promise<void> {
    await this.#end('SIGKILL');
    this.#child = spawn(this.#binary, this.#arguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (output = (output + chunk).slice(-4000)));
    }
    const child = this.#child;
    for (let tries = 0; tries < 300; tries++) {
      if (child.exitCode !== null) throw new Error(`consul ended at once:\n${output}`);
      if (await this.#ready()) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`consul was not ready within 30 s:\n${output}`);
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.#directory, { recursive: true, force: true });
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async #ask(method: string, path: string, body?: unknown): Promise<string> {
    const text = body === undefined ? null : JSON.stringify(body);
    const response = await fetch(this.address + path, { method, body: text, headers: this.#headers });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return answer;
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** The leader is there and the agent has put itself into the catalogue. */
  async #ready(): Promise<boolean> {
    try {
      const leader = await this.get('/v1/status/leader');
      const nodes = await this.get('/v1/catalog/nodes');
      return leader !== '' && Array.isArray(nodes) && nodes.length > 0;
    } catch {
      return false;
    }
  }
}

export async function startConsul(binary: string, settings: ConsulSettings = {}): Promise<ConsulServer> {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-consul-'));
  await writeFile(join(directory, 'agent.json'), JSON.stringify(settings.config ?? {}));
  const consul = new ConsulProcess(binary, directory, await freePorts(5), settings);
  await consul.restart();
  return consul;
}
