import { type ChildProcess, spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Address } from '../../src/core/address.ts';
import { freePorts } from './free-port.ts';
import { endProcess } from './server-process.ts';

/** What installs the servers. */
export const COREDNS_COMMAND = 'bash test/servers/coredns.sh';
export const BIND_COMMAND = 'bash test/servers/bind.sh';
export const DNSPERF_COMMAND = 'bash test/servers/dnsperf.sh';

/** The zone of the tests' servers. */
export const ZONE = 'test.example';

/** The binary that `test/servers/coredns.sh` built; null when it has not been run. */
export function coreDnsBinary(): string | null {
  const home = process.env.HEADGATE_SERVERS || join(homedir(), '.cache', 'headgate', 'servers');
  return executable(join(home, `coredns-${process.env.COREDNS_VERSION || 'v1.14.0'}`, 'coredns'));
}

export function bindBinary(): string | null {
  return onPath('named');
}

/** `dig` of BIND; null where it is not installed. */
export function digBinary(): string | null {
  return onPath('dig');
}

export function dnsperfBinary(): string | null {
  return onPath('dnsperf');
}

function onPath(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin'];
  return folders.map((folder) => executable(join(folder, name))).find((path) => path !== null) ?? null;
}

function executable(path: string): string | null {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}

/** How one server is configured and told to read its zone again. */
interface Recipe {
  readonly name: string;
  /** Writes the configuration; returns the arguments. */
  prepare(directory: string, port: number, zoneFile: string): Promise<readonly string[]>;
  readonly reload: NodeJS.Signals | null;
}

const COREDNS: Recipe = {
  name: 'CoreDNS',
  reload: null,
  prepare: async (directory, port, zoneFile) => {
    const file = join(directory, 'Corefile');
    const plugin = `file ${zoneFile} {\n    reload 100ms\n  }`;
    await writeFile(file, `${ZONE}:${port} {\n  bind 127.0.0.1\n  ${plugin}\n}\n`);
    return ['-conf', file];
  },
};

const BIND: Recipe = {
  name: 'BIND',
  reload: 'SIGHUP',
  prepare: async (directory, port, zoneFile) => {
    const file = join(directory, 'named.conf');
    const options = [
      `directory "${directory}"; pid-file none; session-keyfile none; managed-keys-directory "${directory}";`,
      `listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };`,
      'recursion no; dnssec-validation no; minimal-responses no; notify no; max-records-per-type 1000;',
    ];
    const zone = `zone "${ZONE}" { type primary; file "${zoneFile}"; };`;
    await writeFile(file, `options {\n${options.join('\n')}\n};\ncontrols { };\n${zone}\n`);
    return ['-g', '-4', '-n', '1', '-c', file];
  },
};

/** A real authoritative server of one zone. */
export class DnsServer {
  readonly address: Address;
  readonly #recipe: Recipe;
  readonly #binary: string;
  readonly #directory: string;
  readonly #arguments: readonly string[];
  #serial = 0;
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(recipe: Recipe, binary: string, directory: string, args: readonly string[], port: number) {
    this.#recipe = recipe;
    this.#binary = binary;
    this.#directory = directory;
    this.#arguments = args;
    this.address = { host: '127.0.0.1', port };
  }

  static coreDns(binary: string): Promise<DnsServer> {
    return DnsServer.#start(COREDNS, binary);
  }

  static bind(binary: string): Promise<DnsServer> {
    return DnsServer.#start(BIND, binary);
  }

  static async #start(recipe: Recipe, binary: string): Promise<DnsServer> {
    const directory = await mkdtemp(join(tmpdir(), 'headgate-dns-'));
    const [port] = await freePorts(1);
    const args = await recipe.prepare(directory, port!, join(directory, 'zone'));
    const server = new DnsServer(recipe, binary, directory, args, port!);
    await server.#write([]);
    await server.restart();
    return server;
  }

  /** Replaces the records of the zone, given as lines of a zone file; resolves when the server answers with them. */
  async serve(records: readonly string[]): Promise<void> {
    await this.write(records);
    await this.served();
  }

  /** Replaces the records and tells the server to read them, and does not wait until it has. */
  async write(records: readonly string[]): Promise<void> {
    await this.#write(records);
    if (this.#recipe.reload) this.#child?.kill(this.#recipe.reload);
  }

  async restart(): Promise<void> {
    await this.kill();
    const child = spawn(this.#binary, this.#arguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.#output = (this.#output + chunk).slice(-4000)));
    }
    this.#child = child;
    await this.served();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await endProcess(child, 'SIGKILL');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Written whole: a server that looks at the wrong moment must not see half of it. */
  async #write(records: readonly string[]): Promise<void> {
    this.#serial += 1;
    const head = [
      `$ORIGIN ${ZONE}.`,
      '$TTL 1',
      `@ IN SOA ns root ${this.#serial} 60 60 60 1`,
      '@ IN NS ns',
      'ns IN A 127.0.0.1',
    ];
    const file = join(this.#directory, 'zone');
    await writeFile(`${file}.new`, `${[...head, ...records].join('\n')}\n`);
    await rename(`${file}.new`, file);
  }

  /** Resolves when the server answers with what was written last. */
  async served(): Promise<void> {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`${this.address.host}:${this.address.port}`]);
    for (let tries = 0; tries < 1_000; tries++) {
      const soa = await resolver.resolveSoa(ZONE).catch(() => null);
      if (soa?.serial === this.#serial) return;
      if (this.#child?.exitCode !== null) break;
      await pause(20);
    }
    throw new Error(`${this.#recipe.name} does not serve the zone:\n${this.#output}`);
  }
}
