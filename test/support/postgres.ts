import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { freePorts } from './free-port.ts';
import { program } from './programs.ts';
import { ServerProcess } from './server-process.ts';

const run = promisify(execFile);
const BIN = '/usr/lib/postgresql/*/bin';

/** Null where PostgreSQL or its client is not installed; `INSTALL_DATABASES` helps. */
export const initdb = program('psql') && program('initdb', BIN);
export const INSTALL_DATABASES = 'bash test/servers/databases.sh';

/** A command as a user that is not root, which PostgreSQL refuses to be. */
function unprivileged(command: readonly string[]): readonly [string, readonly string[]] {
  const [name = '', ...rest] = command;
  if (process.getuid?.() !== 0) return [name, rest];
  return ['setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', name, ...rest]];
}

/** Arguments of `psql` and `pgbench` for a server, or what stands before one, on this port of loopback. */
export function connection(port: number): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-U', 'test'];
}

/** What `psql` prints as the answer to one statement, on a connection of its own. */
export async function psql(port: number, sql: string): Promise<string> {
  const { stdout } = await run('psql', [...connection(port), '-At', '-c', sql, 'postgres'], { maxBuffer: 1e8 });
  return stdout.trim();
}

/** One `psql` that stays, with a statement now and then. Each must answer with one line. */
export class PsqlSession {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(port: number) {
    this.#child = spawn('psql', [...connection(port), '-At', 'postgres'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The answer; undefined when psql has ended. */
  async ask(sql: string): Promise<string | undefined> {
    this.#child.stdin.write(`${sql};\n`);
    return (await this.#lines.next()).value;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exited;
  }
}

/** A PostgreSQL server with an empty database, on a port of its own. */
export class Postgres {
  readonly port: number;
  readonly #folder: string;
  readonly #server: ServerProcess;

  private constructor(port: number, folder: string, server: ServerProcess) {
    this.port = port;
    this.#folder = folder;
    this.#server = server;
  }

  static async start(): Promise<Postgres> {
    const folder = mkdtempSync(join(tmpdir(), 'headgate-postgres-'));
    chmodSync(folder, 0o777);
    const [port = 0] = await freePorts(1);
    const data = join(folder, 'data');
    const made = unprivileged([initdb!, '-D', data, '-U', 'test', '-A', 'trust', '--no-sync']);
    await run(made[0], [...made[1]], { cwd: folder });
    const settings = [`unix_socket_directories=${folder}`, 'listen_addresses=127.0.0.1', 'fsync=off'];
    const options = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
    const server = new ServerProcess('PostgreSQL', ...unprivileged([program('postgres', BIN)!, ...options]));
    const postgres = new Postgres(port, folder, server);
    await server.start(async () => (await psql(port, 'select 1')) === '1');
    return postgres;
  }

  /** SIGKILL: connections break, nothing is said. */
  async kill(): Promise<void> {
    await this.#server.end('SIGKILL');
  }

  async close(): Promise<void> {
    await this.#server.end('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
