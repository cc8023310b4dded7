import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { type Address, formatAddress } from '../core/address.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';

/** A running instance of a demo service. */
export interface DemoInstance {
  readonly id: string;
  readonly service: string;
  readonly address: Address;
}

interface Recipe {
  readonly id: string;
  readonly service: string;
  readonly tags: readonly string[];
  /** `http`: the registry asks `/health`. `ttl`: the service reports by itself. */
  readonly check: 'http' | 'ttl';
  readonly greet: (who: string, clock: Clock) => string;
}

const hello = (who: string) => `hello from ${who}\n`;
const time = (who: string, clock: Clock) => `${new Date(clock.wall()).toISOString()} says ${who}\n`;

const RECIPES: readonly Recipe[] = [
  { id: 'hello-1', service: 'hello', tags: ['headgate.path=/'], check: 'http', greet: hello },
  { id: 'hello-2', service: 'hello', tags: ['headgate.path=/'], check: 'http', greet: hello },
  { id: 'time-1', service: 'time', tags: ['headgate.path=/time'], check: 'ttl', greet: time },
];

const HEARTBEAT = 3_000;
const REAP_AFTER = '5m';

/** Three small HTTP services that register and check themselves, as any service would: over the registry's HTTP API. */
export class DemoServices implements Closable {
  readonly #registry: string;
  readonly #clock: Clock;
  readonly #running = new Map<string, DemoService>();

  /** `registry` is the base URL of the registry. */
  constructor(registry: string, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  /** Starts and registers them all. Rejects with `DEMO_START`; nothing is left running then. */
  async start(): Promise<readonly DemoInstance[]> {
    // Every one comes to an end of its start before any is closed.
    const results = await Promise.allSettled(RECIPES.map((recipe) => this.#startOne(recipe)));
    const failure = results.find((result) => result.status === 'rejected');
    if (!failure) return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    await this.close(this.#clock.now());
    throw new HeadgateError(`the demo services cannot start: ${reasonOf(failure.reason)}`, {
      code: 'DEMO_START',
      source: 'self',
      cause: failure.reason,
    });
  }

  /** Deregisters an instance, lets its requests end until `deadline`, and stops it. False when there is none. */
  async stop(id: string, deadline: number): Promise<boolean> {
    const service = this.#running.get(id);
    this.#running.delete(id);
    await service?.close(deadline);
    return service !== undefined;
  }

  async close(deadline: number): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.stop(id, deadline)));
  }

  async #startOne(recipe: Recipe): Promise<DemoInstance> {
    const service = new DemoService(recipe, this.#registry, this.#clock);
    this.#running.set(recipe.id, service);
    const address = await service.start();
    return { id: recipe.id, service: recipe.service, address };
  }
}

/** One instance. `POST /stop` to its own address ends it without a farewell, like a crash. */
class DemoService implements Closable {
  readonly #recipe: Recipe;
  readonly #registry: string;
  readonly #clock: Clock;
  readonly #server: Server;
  #address: Address = { host: '127.0.0.1', port: 0 };
  #heartbeat: Timer | null = null;
  #registered = false;
  #crashed = false;

  constructor(recipe: Recipe, registry: string, clock: Clock) {
    this.#recipe = recipe;
    this.#registry = registry;
    this.#clock = clock;
    this.#server = createServer({ keepAliveTimeout: 75_000 }, (asked, answer) => this.#answer(asked, answer));
  }

  async start(): Promise<Address> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, this.#address.host, resolve);
    });
    this.#address = { ...this.#address, port: (this.#server.address() as AddressInfo).port };
    await this.#put('service/register', this.#registration());
    this.#registered = true;
    if (this.#recipe.check === 'ttl') await this.#beat();
    return this.#address;
  }

  async close(deadline: number): Promise<void> {
    this.#heartbeat?.cancel();
    if (this.#registered) {
      // The registry may have closed first, or an operator may have deregistered the service: it is gone either way.
      await this.#put(`service/deregister/${this.#recipe.id}`, null).catch(() => undefined);
    }
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const wait = Math.max(0, deadline - this.#clock.now());
    const cut = this.#clock.after(wait, () => this.#server.closeAllConnections());
    await closed;
    cut.cancel();
  }

  #registration(): object {
    const { id, service, tags, check } = this.#recipe;
    const { host, port } = this.#address;
    const source =
      check === 'ttl' ? { TTL: '10s' } : { HTTP: `http://${host}:${port}/health`, Interval: '2s', Timeout: '1s' };
    return {
      ID: id,
      Name: service,
      Address: host,
      Port: port,
      Tags: tags,
      // A service that has just begun to listen can say that it is well.
      Check: { ...source, Status: 'passing', DeregisterCriticalServiceAfter: REAP_AFTER },
    };
  }

  #answer(asked: IncomingMessage, answer: ServerResponse): void {
    const path = asked.url?.split('?', 1)[0] ?? '/';
    const who = `${this.#recipe.id} (${formatAddress(this.#address)})`;
    answer.setHeader('Content-Type', 'text/plain; charset=utf-8');
    if (path === '/health') {
      answer.end('well\n');
    } else if (path === '/stop' && asked.method === 'POST' && asked.headers.host === formatAddress(this.#address)) {
      answer.end(`${who} stops\n`, () => this.#crash());
    } else {
      answer.end(this.#recipe.greet(who, this.#clock));
    }
  }

  #crash(): void {
    this.#crashed = true;
    this.#heartbeat?.cancel();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #beat(): Promise<void> {
    // A service that an operator deregistered stays away: the next report is refused, and that is the end of it.
    const known = await this.#put(`check/pass/service:${this.#recipe.id}`, null).then(
      () => true,
      (error: unknown) => !(error instanceof HeadgateError),
    );
    if (known && !this.#crashed) this.#heartbeat = this.#clock.after(HEARTBEAT, () => void this.#beat());
  }

  async #put(path: string, body: object | null): Promise<void> {
    const answer = await request(`${this.#registry}/v1/agent/${path}`, {
      method: 'PUT',
      body: body === null ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode === 200) return;
    throw new HeadgateError(`the registry answered ${answer.statusCode}: ${text.trim()}`, {
      code: 'DEMO_REGISTER',
      source: 'self',
    });
  }
}
