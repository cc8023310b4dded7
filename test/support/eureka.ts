import { freePorts } from './free-port.ts';
import { call, installed, JavaServer } from './java-server.ts';

/** What installs the server. */
export const EUREKA_COMMAND = 'bash test/servers/eureka.sh';

/** The jar that `test/servers/eureka.sh` built; null when it has not been run. */
export function eurekaJar(): string | null {
  return installed(`eureka-${process.env.EUREKA_CLOUD_VERSION || '2025.0.1'}`, 'eureka.jar');
}

/** How long the server keeps an answer; 30 s in a server with the usual settings. */
export const RESPONSE_CACHE_MS = 200;

export interface InstanceFields {
  /** Without it `<app>-<port>`. */
  readonly id?: string;
  readonly host?: string;
  readonly status?: string;
  readonly securePort?: number;
  readonly plain?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Seconds of the lease. */
  readonly lease?: number;
}

/** A real Eureka server: it keeps everything in memory. */
export class EurekaServer {
  /** `http://127.0.0.1:port`; the same over restarts. */
  readonly address: string;
  readonly #java: JavaServer;

  private constructor(address: string, java: JavaServer) {
    this.address = address;
    this.#java = java;
  }

  static async start(jar: string, selfPreservation = false): Promise<EurekaServer> {
    const [port] = await freePorts(1);
    const address = `http://127.0.0.1:${port}`;
    const args = [
      ...['-jar', jar, '--server.address=127.0.0.1', `--server.port=${port}`, '--logging.level.root=WARN'],
      ...['--eureka.client.register-with-eureka=false', '--eureka.client.fetch-registry=false'],
      ...['--eureka.server.wait-time-in-ms-when-sync-empty=0', '--eureka.server.eviction-interval-timer-in-ms=1000'],
      `--eureka.server.enable-self-preservation=${selfPreservation}`,
      `--eureka.server.response-cache-update-interval-ms=${RESPONSE_CACHE_MS}`,
      // A change that comes while an answer is made up does not count it as outdated: it is then kept for so long.
      '--eureka.server.response-cache-auto-expiration-in-seconds=1',
    ];
    const ready = async () => (await fetch(`${address}/eureka/apps`)).ok;
    const server = new EurekaServer(address, await JavaServer.create('eureka', () => args, ready));
    await server.restart();
    return server;
  }

  async register(app: string, port: number, fields: InstanceFields = {}): Promise<void> {
    const { status = 'UP', securePort, plain = true, metadata = {}, lease = 90, host = '127.0.0.1' } = fields;
    const instance = {
      instanceId: fields.id ?? `${app}-${port}`,
      app,
      hostName: 'localhost',
      ipAddr: host,
      vipAddress: app,
      status,
      port: { $: port, '@enabled': String(plain) },
      securePort: { $: securePort ?? 443, '@enabled': String(securePort !== undefined) },
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: Math.ceil(lease / 3), durationInSecs: lease },
      metadata,
    };
    await call('POST', `${this.address}/eureka/apps/${app}`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instance }),
    });
  }

  /** Any other request, such as `PUT` to `WEB/web-1/status?value=OUT_OF_SERVICE`. */
  send(method: string, path: string): Promise<string> {
    return call(method, `${this.address}/eureka/apps/${path}`);
  }

  deregister(app: string, port: number): Promise<string> {
    return this.send('DELETE', `${app}/${app}-${port}`);
  }

  async instances(app: string): Promise<Record<string, unknown>[]> {
    const response = await fetch(`${this.address}/eureka/apps/${app}`, { headers: { accept: 'application/json' } });
    if (response.status === 404) return [];
    return ((await response.json()) as { application: { instance: Record<string, unknown>[] } }).application.instance;
  }

  restart(): Promise<void> {
    return this.#java.restart();
  }

  kill(): Promise<void> {
    return this.#java.kill();
  }

  stop(): Promise<void> {
    return this.#java.stop();
  }
}
