import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { call, installed, JavaServer } from './java-server.ts';

/** What installs the server. */
export const NACOS_COMMAND = 'bash test/servers/nacos.sh';

/** What `test/servers/nacos.sh` installed; null when it has not been run. */
export function nacosHome(): string | null {
  const home = `nacos-${process.env.NACOS_VERSION || '3.1.0-bugfix'}`;
  return installed(home, 'schema.sql') === null ? null : installed(home);
}

const OPENED = ['java.lang', 'java.util', 'java.util.concurrent.atomic', 'java.math'];
const SECRET = Buffer.from('only for tests: a secret that is long enough for HS256').toString('base64');

/** A real Nacos server, standalone, with its data in a directory of its own. */
export class NacosServer {
  /** `http://127.0.0.1:port`; the same over restarts. */
  readonly address: string;
  readonly #java: JavaServer;
  readonly #oldApis: boolean;
  #token = '';

  private constructor(address: string, java: JavaServer, oldApis: boolean) {
    this.address = address;
    this.#java = java;
    this.#oldApis = oldApis;
  }

  /** `settings`: further lines of application.properties. `oldApis`: whether those of versions 1 and 2 are there. */
  static async start(home: string, settings: readonly string[] = [], oldApis = true): Promise<NacosServer> {
    const port = await freeBasePort();
    const address = `http://127.0.0.1:${port}`;
    const args = (directory: string) => [
      ...OPENED.flatMap((name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`]),
      ...['-Dnacos.standalone=true', '-Dnacos.deployment.type=server', '-Dnacos.server.ip=127.0.0.1'],
      ...[`-Dnacos.home=${directory}`, `-Dnacos.logs.path=${join(directory, 'logs')}`, `-Duser.home=${directory}`],
      ...['-cp', `${directory}:${home}/classes:${home}/lib/*`, 'com.alibaba.nacos.StandaloneNacos'],
    ];
    const ready = async () => {
      const response = await fetch(`${address}/nacos/v1/ns/instance/list?serviceName=ready`);
      await response.text();
      return response.status === 200 || response.status === 403 || response.status === 410;
    };
    const java = await JavaServer.create('nacos', args, ready);
    await mkdir(join(java.directory, 'conf'));
    await copyFile(join(home, 'schema.sql'), join(java.directory, 'conf', 'derby-schema.sql'));
    const properties = [
      ...['server.address=127.0.0.1', `nacos.server.main.port=${port}`],
      `nacos.core.api.compatibility.client.enabled=${oldApis}`,
      `nacos.core.api.compatibility.admin.enabled=${oldApis}`,
      ...['nacos.core.auth.system.type=nacos', `nacos.core.auth.plugin.nacos.token.secret.key=${SECRET}`],
      ...['nacos.core.auth.server.identity.key=test', 'nacos.core.auth.server.identity.value=test'],
      ...settings,
    ];
    await writeFile(join(java.directory, 'application.properties'), properties.join('\n'));
    const server = new NacosServer(address, java, oldApis);
    await server.#startFirst();
    return server;
  }

  /** On a busy machine Nacos may give up while it makes its database, which is then of no use. */
  async #startFirst(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.restart();
      } catch (error) {
        if (tries === 3) throw error;
        await this.#java.kill();
        await rm(join(this.#java.directory, 'data'), { recursive: true, force: true });
      }
    }
  }

  /** `fields` are those of Nacos: `weight`, `clusterName`, `namespaceId`, `groupName`, `ephemeral`, `metadata`, … */
  register(service: string, port: number, fields: Record<string, string> = {}): Promise<string> {
    return this.#instance('POST', service, port, fields);
  }

  deregister(service: string, port: number, fields: Record<string, string> = {}): Promise<string> {
    return this.#instance('DELETE', service, port, fields);
  }

  /** Any other request to the API, such as `PUT` to `/v1/ns/health/instance?…`. */
  send(method: string, path: string): Promise<string> {
    return call(method, `${this.address}/nacos${path}`, { headers: { accesstoken: this.#token } });
  }

  /** Gives the first user, "nacos", a password, and waits until it can log in. */
  async setPassword(password: string): Promise<void> {
    await call('POST', `${this.address}/nacos/v3/auth/user/admin`, { body: new URLSearchParams({ password }) });
    for (let tries = 0; ; tries++) {
      try {
        const body = new URLSearchParams({ username: 'nacos', password });
        const answer = await call('POST', `${this.address}/nacos/v3/auth/user/login`, { body });
        this.#token = (JSON.parse(answer) as { accessToken: string }).accessToken;
        return;
      } catch (error) {
        if (tries > 600) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  restart(): Promise<void> {
    return this.#java.restart();
  }

  /** Starts it without anything that it knew. */
  async restartEmpty(): Promise<void> {
    await this.#java.kill();
    await rm(join(this.#java.directory, 'data'), { recursive: true, force: true, maxRetries: 5 });
    await this.#java.restart();
  }

  kill(): Promise<void> {
    return this.#java.kill();
  }

  stop(): Promise<void> {
    return this.#java.stop();
  }

  #instance(method: string, service: string, port: number, fields: Record<string, string>): Promise<string> {
    const query = new URLSearchParams({ serviceName: service, ip: '127.0.0.1', port: String(port), ...fields });
    return this.send(method, `/${this.#oldApis ? 'v1' : 'v3/client'}/ns/instance?${query}`);
  }
}

/** A port whose neighbours are free as well: Nacos takes port + 1000 and + 1001 for gRPC, and port − 1000 for Raft. */
async function freeBasePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const needed = [port, port + 1000, port + 1001, port - 1000];
    if ((await Promise.all(needed.map(isFree))).every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}
