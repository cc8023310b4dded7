import { jittered } from '../core/random.ts';
import type { CollectionChange, CollectionSource } from './collection.ts';
import { type EurekaApps, type EurekaInstance, hashOf, parseApps } from './eureka-answer.ts';
import { EurekaApplications } from './eureka-applications.ts';
import type { EurekaOptions } from './eureka-options.ts';
import type { Gate } from './gate.ts';
import { answerError } from './json-body.ts';
import type { RegistryClient, RegistryReply, RegistryServer } from './registry-client.ts';
import type { Answer, LoopTools } from './watch-loop.ts';

/** A server keeps changes for its deltas for three minutes; what was fetched longer ago can't be brought up to date by them. */
const DELTA_REACH_MS = 150_000;

const ADVICE = new Map([
  [401, 'it wants a user and a password: write http://user:password@host:8761 in discovery.eureka.host'],
  [403, 'it refuses: a server that has just started does so until it has its registrations'],
  [404, 'it does not know the path: is discovery.eureka.prefix right? Spring uses /eureka/, Netflix /eureka/v2/'],
]);

const NOBODY: readonly EurekaInstance[] = [];
const UNCHANGED: ReadonlySet<string> = new Set();
const NONE: ReadonlySet<EurekaInstance> = new Set();

/** What a Eureka server knows, fetched whole first and by deltas from then on, for everyone who watches. */
export class EurekaFeed implements CollectionSource {
  readonly gate: Gate | null = null;
  readonly #client: RegistryClient;
  readonly #options: EurekaOptions;
  readonly #tools: LoopTools;
  readonly #heard: (feed: EurekaFeed) => void;
  readonly #applications = new EurekaApplications();
  #overdue = NONE;
  #server: RegistryServer | null = null;
  #fetchedAt = 0;
  #wholeAt = 0;
  #version = 0;
  /** The server has its deltas switched off. */
  #whole = false;

  /** `heard` is called after each answer. */
  constructor(client: RegistryClient, options: EurekaOptions, tools: LoopTools, heard: (feed: EurekaFeed) => void) {
    this.#client = client;
    this.#options = options;
    this.#tools = tools;
    this.#heard = heard;
  }

  get applications(): ReadonlyMap<string, readonly EurekaInstance[]> {
    return this.#applications.byApplication;
  }

  of(application: string): readonly EurekaInstance[] {
    return this.applications.get(application) ?? NOBODY;
  }

  /** Instances whose lease ended so long ago that the server must be keeping them on purpose. */
  get overdue(): ReadonlySet<EurekaInstance> {
    return this.#overdue;
  }

  /** How many instances there are in all. */
  get total(): number {
    return this.#applications.size;
  }

  /** Up to two requests: a delta that does not fit is followed by the whole. */
  deadline(): number {
    return this.#client.patience;
  }

  close(): void {}

  async ask(fresh: boolean, signal: AbortSignal): Promise<Answer<CollectionChange>> {
    const value = await this.#client.ask((server, limited) => this.#askOne(fresh, server, limited), signal);
    this.#heard(this);
    return { value, pause: jittered(this.#tools.random, this.#options.fetchInterval, 0.1) };
  }

  async #askOne(fresh: boolean, server: RegistryServer, signal: AbortSignal): Promise<CollectionChange> {
    const moved = this.#server !== null && this.#server !== server;
    const age = this.#tools.clock.now() - this.#fetchedAt;
    let doubt = moved ? 'the questions went over to another server' : undefined;
    let delta: EurekaApps | null = null;
    if (this.#server === server && !fresh && !this.#whole && age < DELTA_REACH_MS) {
      const answer = await this.#delta(server, signal);
      if (answer) {
        delta = answer.apps;
        const before = this.#version;
        doubt = this.#restarted(delta);
        const changed = doubt === undefined ? this.#take(delta, before) : null;
        const due = this.#tools.clock.now() - this.#wholeAt >= this.#options.resync;
        if (changed && !due) return this.#change(changed, answer.date, undefined);
      }
    }
    const { apps, date } = await this.#read(await this.#get(server, '/apps', signal));
    if (apps.instances.length === 0 && apps.hash !== '') throw answerError(`lists nothing, and counts ${apps.hash}`);
    if (apps.hash !== hashOf(apps.instances)) doubt ??= 'an answer whose hash does not fit what it lists';
    this.#applications.replace(apps, delta);
    this.#wholeAt = this.#tools.clock.now();
    if (moved) this.#version = 0;
    if (moved || fresh) this.#whole = false;
    this.#server = server;
    return this.#change(null, date, doubt);
  }

  /**
   * Null when the delta does not lead to what the server has. One that was taken in before is the same answer out of the
   * server's cache, and may be older than the whole that was read since: it is only compared.
   */
  #take(delta: EurekaApps, before: number): ReadonlySet<string> | null {
    if (delta.version === 0 || delta.version !== before) return this.#applications.apply(delta);
    return this.#applications.fits(delta.hash) ? UNCHANGED : null;
  }

  /** The count of deltas begins anew with every start of the server. */
  #restarted({ version }: EurekaApps): string | undefined {
    const before = this.#version;
    this.#version = version;
    return version < before ? 'the server started anew' : undefined;
  }

  /** Null when the server gives no deltas. */
  async #delta(server: RegistryServer, signal: AbortSignal) {
    const reply = await this.#get(server, '/apps/delta', signal);
    if (reply.status !== 403 && reply.status !== 404) return this.#read(reply);
    reply.discard();
    this.#whole = true;
    return null;
  }

  #get(server: RegistryServer, path: string, signal: AbortSignal): Promise<RegistryReply> {
    return server.send({ method: 'GET', path }, signal);
  }

  async #read(reply: RegistryReply): Promise<{ readonly apps: EurekaApps; readonly date: number | null }> {
    if (reply.status !== 200) throw await reply.refusal(ADVICE);
    return { apps: parseApps(await reply.json()), date: reply.date };
  }

  /** Leases run out without a change in any application: while some have, everything is read anew. */
  #change(changed: ReadonlySet<string> | null, date: number | null, doubt: string | undefined): CollectionChange {
    this.#fetchedAt = this.#tools.clock.now();
    const before = this.#overdue;
    const limit = date === null ? Number.NEGATIVE_INFINITY : date - this.#options.leaseSlack;
    const late = [...this.#applications.all].filter(({ leaseEnd }) => leaseEnd !== null && leaseEnd < limit);
    this.#overdue = late.length === 0 ? NONE : new Set(late);
    return { changed: before === NONE && this.#overdue === NONE ? changed : null, confirms: true, doubt };
  }
}
