import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-port.ts';
import { binaryOf, ServerProcess } from './server-process.ts';

/** What installs the server. */
export const ETCD_COMMAND = 'bash test/servers/etcd.sh';

/** The binary that `test/servers/etcd.sh` built; null when it has not been run. */
export function etcdBinary(): string | null {
  return binaryOf(`etcd-${process.env.ETCD_VERSION || 'v3.6.6'}`, 'etcd');
}

/** A real etcd of one member, with a directory of its own. */
export class EtcdServer {
  /** `http://127.0.0.1:port`; the same over restarts. */
  readonly address: string;
  readonly #directory: string;
  readonly #process: ServerProcess;

  private constructor(binary: string, directory: string, [client, peer]: readonly number[]) {
    this.address = `http://127.0.0.1:${client}`;
    this.#directory = directory;
    this.#process = new ServerProcess('etcd', binary, [
      ...['--data-dir', join(directory, 'data'), '--unsafe-no-fsync', '--log-level', 'error'],
      ...['--listen-client-urls', this.address, '--advertise-client-urls', this.address],
      ...['--listen-peer-urls', `http://127.0.0.1:${peer}`],
      ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
      ...['--initial-cluster', `default=http://127.0.0.1:${peer}`],
    ]);
  }

  static async start(binary: string): Promise<EtcdServer> {
    const directory = await mkdtemp(join(tmpdir(), 'headgate-etcd-'));
    const etcd = new EtcdServer(binary, directory, await freePorts(2));
    await etcd.restart();
    return etcd;
  }

  put(key: string, value: string): Promise<Record<string, unknown>> {
    return this.call('/v3/kv/put', { key: base64(key), value: base64(value) });
  }

  delete(key: string): Promise<Record<string, unknown>> {
    return this.call('/v3/kv/deleterange', { key: base64(key) });
  }

  /** POSTs to a path of the gateway; throws when the answer is not 200. */
  async call(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
    const response = await fetch(this.address + path, { method: 'POST', body: JSON.stringify(body), headers });
    const answer = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${answer}`);
    return JSON.parse(answer) as Record<string, unknown>;
  }

  /** Ends it with SIGKILL. */
  kill(): Promise<void> {
    return this.#process.end('SIGKILL');
  }

  /** Starts it again with what it had stored. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#process.start(async () => (await fetch(`${this.address}/health`)).ok);
  }

  /** Starts it again with nothing stored. */
  async restartEmpty(): Promise<void> {
    await this.kill();
    await rm(join(this.#directory, 'data'), { recursive: true, force: true });
    await this.restart();
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
