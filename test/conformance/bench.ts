import assert from 'node:assert/strict';
import { documentFrom } from '../../src/config/document.ts';
import { createDiscoveries } from '../../src/control/discoveries.ts';
import { formatAddress } from '../../src/core/address.ts';
import { reasonOf } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Scope } from '../../src/core/scope.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import type { Discovery, Node, NodeSet, NodeSink, ServiceQuery } from '../../src/discovery/types.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';
import type { Told } from '../support/sink.ts';
import type { FakeRegistry, Flaw, Place, RegistryKind } from './registry.ts';

/** Holds nothing back: what an adapter says is in force at once. */
const NO_GUARD = { minNodes: 1, shrinkPercent: 100, shrinkHold: 0, emptyHold: 0 };
/** Time stands still until so many turns of the event loop have brought nothing. */
const QUIET_TURNS = 4;
const STEP_MS = 500;
/** More than what is under way needs to come to its end. */
const SOON_TURNS = 2_000;
/** Longer than any wait of an adapter. */
const PATIENCE_MS = 300_000;

/** `10.0.0.1:80`, `10.0.0.2:80` … of that many. */
export function places(count: number, from = 1): Place[] {
  return Array.from({ length: count }, (_, index) => {
    const number = from + index;
    return { host: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`, port: 80 };
  });
}

/** Texts in canonical order, each once. */
export function textOf(nodes: readonly Place[]): string {
  return [...new Set(nodes.map(formatAddress))].sort().join(' ');
}

/**
 * An adapter that follows a fake registry on a clock that moves when nothing else does. Whatever a test is about, `close`
 * holds the adapter to this as well: every set that it told was the whole of what was registered at some time, nothing came
 * after its end, and it left nothing behind.
 */
export class Bench {
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  readonly registry: FakeRegistry;
  readonly discovery: Discovery;
  readonly query: ServiceQuery;
  /** What the adapter said about the service, in order. */
  readonly told: Told<Node>[] = [];
  readonly sets: NodeSets;
  readonly #scope = new Scope();
  readonly #truths = new Set<string>();
  readonly #sockets: number;
  /** The watches that were started, with what they are to end by. */
  readonly #watches: { readonly done: Promise<void>; readonly signal: AbortSignal }[] = [];

  private constructor(type: string, registry: FakeRegistry, sockets: number) {
    this.registry = registry;
    this.#sockets = sockets;
    const tools = { clock: this.clock, random: seededRandom(7), log: this.log };
    const settings = documentFrom({ discovery: registry.block }).discovery;
    const discovery = createDiscoveries(settings, null, this.#scope, tools).get(type);
    assert.ok(discovery);
    this.discovery = discovery;
    this.query = { source: type, service: registry.service, args: {} };
    const observed = { type, watch: this.watch.bind(this) };
    const cache = new LastGoodCache(null, this.clock, this.log);
    this.sets = new NodeSets({
      discoveries: new Map([[type, observed]]),
      guard: NO_GUARD,
      cache,
      clock: this.clock,
      log: this.log,
    });
  }

  static async create(kind: RegistryKind): Promise<Bench> {
    const sockets = openSockets();
    return new Bench(kind.type, await kind.start(), sockets);
  }

  /** Follows the service, and waits until these nodes are known. */
  async follow(...registered: Place[]): Promise<void> {
    this.put(registered);
    this.sets.want([this.query]);
    await this.known(registered);
  }

  put(registered: readonly Place[], flaw?: Flaw): void {
    // That the only node has a flaw does not mean that there is none.
    if (flaw === undefined || registered.length > 0) this.#truths.add(textOf(registered));
    this.registry.put(registered, flaw);
  }

  /** To tell these is right as well. */
  allow(registered: readonly Place[]): void {
    this.#truths.add(textOf(registered));
  }

  remove(): void {
    this.#truths.add('');
    this.registry.remove();
  }

  rewind(registered: readonly Place[]): void {
    this.#truths.add(textOf(registered));
    this.registry.rewind?.(registered);
  }

  get set(): NodeSet {
    return this.sets.get(this.query)!;
  }

  get failures(): string[] {
    return this.told.flatMap((told) => (told.kind === 'fail' ? [told.error.code] : []));
  }

  /** Waits until exactly these nodes are known, and the source is well. */
  known(registered: readonly Place[]): Promise<void> {
    const wanted = textOf(registered);
    const what = `"${wanted.slice(0, 100)}" is known`;
    return this.until(what, () => this.set.state === 'ok' && textOf(this.set.nodes) === wanted);
  }

  failed(): Promise<void> {
    const before = this.failures.length;
    return this.until('a failure is told', () => this.failures.length > before);
  }

  /** Starts a watch whose every word is kept, as `NodeSets` does. */
  watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    const note = (told: Told<Node>) => {
      assert.equal(signal.aborted, false, 'nothing is told after the abort');
      if (query.service === this.query.service) this.told.push(told);
    };
    const observer: NodeSink = {
      set: (members, doubt) => {
        note({ kind: 'set', members, doubt });
        sink.set(members, doubt);
      },
      fail: (error) => {
        note({ kind: 'fail', error });
        sink.fail(error);
      },
    };
    const done = this.discovery.watch(query, observer, signal);
    this.#watches.push({ done, signal });
    return done;
  }

  /** Lets time pass, in such steps, whenever nothing else happens, until it is so. */
  async until(what: string, good: () => boolean, step = STEP_MS): Promise<void> {
    const limit = this.clock.now() + PATIENCE_MS;
    for (let quiet = 0; !good(); ) {
      if (this.clock.now() > limit) assert.fail(`it does not come about that ${what}: ${this.#state()}`);
      const before = this.#activity;
      await turn();
      quiet = this.#activity === before ? quiet + 1 : 0;
      if (quiet < QUIET_TURNS) continue;
      await this.clock.run(step);
      quiet = 0;
    }
  }

  /** Lets so much time pass, and everything happen that falls due. */
  pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    return this.until('time passes', () => this.clock.now() >= end, Math.min(ms, STEP_MS));
  }

  /** Ends the watches; they end although time stands still. */
  async abort(): Promise<void> {
    this.sets.want([]);
    await this.#ended();
  }

  async close(): Promise<void> {
    const closing = this.sets.close(this.clock.now() + 1000);
    await this.#ended();
    await closing;
    await this.#scope.close(this.clock.now() + 1000);
    assert.equal(this.clock.pending, 0, 'no timer is left');
    await this.registry.close();
    assert.ok(await soon(() => openSockets() <= this.#sockets), 'no socket is left');
    this.#checkTold();
  }

  /** Lets go of everything after a failure, without another word. */
  async abandon(): Promise<void> {
    void this.sets.close(this.clock.now());
    void this.#scope.close(this.clock.now());
    await this.registry.close().catch(() => {});
  }

  /** Every watch that was told to end has ended, although time stands still. */
  async #ended(): Promise<void> {
    const aborted = this.#watches.filter(({ signal }) => signal.aborted);
    let ended = false;
    void Promise.all(aborted.map(({ done }) => done)).then(() => (ended = true));
    assert.ok(await soon(() => ended), 'the watch ends when it is told to');
  }

  #checkTold(): void {
    for (const told of this.told) {
      if (told.kind === 'set') assert.ok(this.#truths.has(textOf(told.members)), `it told "${textOf(told.members)}"`);
      else assert.match(told.error.message, /\S/);
    }
  }

  get #activity(): number {
    return this.registry.activity + this.told.length;
  }

  #state(): string {
    const { state, reason, nodes } = this.set;
    return `${state}, ${textOf(nodes).slice(0, 100)}, ${reason}; told ${this.told
      .slice(-3)
      .map((told) => (told.kind === 'set' ? `set of ${told.members.length}` : reasonOf(told.error)))
      .join('; ')}`;
  }
}

/** One turn of the event loop in which input comes in. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Whether it is so within some turns. */
async function soon(good: () => boolean): Promise<boolean> {
  for (let left = SOON_TURNS; !good() && left > 0; left--) await turn();
  return good();
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|UDP)/.test(name)).length;
}

/** Runs `body` with a bench, and holds the adapter to the contract at its end. */
export async function withBench(kind: RegistryKind, body: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await Bench.create(kind);
  try {
    await body(bench);
    await bench.close();
  } catch (error) {
    await bench.abandon();
    throw error;
  }
}
