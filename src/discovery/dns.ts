import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { DnsExchange, failedOutcome } from './dns-exchange.ts';
import { DnsHold } from './dns-hold.ts';
import { type DnsOptions, dnsService } from './dns-options.ts';
import { DnsResolver, type Resolution } from './dns-resolve.ts';
import { Gate } from './gate.ts';
import { QueryFault, refuseQuery } from './query-fault.ts';
import { ResolvConfFile, type WatchFile } from './resolv-conf-file.ts';
import type { Discovery, NodeSink, ServiceQuery } from './types.ts';
import { UnusableReport } from './unusable-report.ts';
import { type LoopTools, type Question, runWatch } from './watch-loop.ts';

/** Services looked up at once: each holds a socket for every record it asks for. */
const CONCURRENCY = 64;
/** A service may need many records: this many times what one record may take, and never less than MIN_BUDGET_MS. */
const BUDGET_FACTOR = 3;
const MIN_BUDGET_MS = 10_000;
const SECOND = 1000;

/**
 * A and AAAA, or SRV records, asked for again whenever their time to live is over.
 *
 * DNS pushes nothing: a change is seen when the TTL ends, within `minTtl` and `maxTtl`.
 */
export class DnsDiscovery implements Discovery, Closable {
  readonly type = 'dns';
  readonly #options: DnsOptions;
  readonly #tools: LoopTools;
  readonly #log: Log;
  readonly #exchange: DnsExchange;
  readonly #file: ResolvConfFile | null;
  readonly #gate = new Gate(CONCURRENCY);
  /** Aborts when servers or search domains change: every service is then asked for at once. */
  #changed = new AbortController();

  constructor(options: DnsOptions, tools: LoopTools, log: Log, watchFile: WatchFile) {
    this.#options = options;
    this.#tools = tools;
    this.#log = log;
    const { servers, resolvConf, timeout, attempts } = options;
    this.#file =
      resolvConf === null
        ? null
        : new ResolvConfFile(resolvConf, servers === null, watchFile, log, () => this.#askAgain());
    this.#exchange = new DnsExchange({ clock: tools.clock, timeout, attempts, servers: () => this.#servers() });
  }

  async watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    await null;
    const service = dnsService(query);
    if (service instanceof QueryFault) return refuseQuery(service, sink, signal);
    const hold = new DnsHold(this.#options.hold, this.#tools.clock, sink);
    const resolver = new DnsResolver(service, this.#options.order);
    try {
      await runWatch(this.#question(query.service, resolver, hold), this.#tools, signal);
    } finally {
      hold.close();
    }
  }

  async close(deadline: number): Promise<void> {
    await this.#file?.close(deadline);
  }

  #servers() {
    return this.#options.servers ?? this.#file?.settings.servers ?? [];
  }

  #askAgain(): void {
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  #question(service: string, resolver: DnsResolver, hold: DnsHold): Question<Resolution> {
    const { clock } = this.#tools;
    const lifetime = new Lifetime(clock, this.#options);
    const report = new UnusableReport(this.#log, 'dns', service);
    let server = '';
    return {
      gate: this.#gate,
      ask: async (fresh, signal) => {
        if (!fresh) await lifetime.over(AbortSignal.any([signal, this.#changed.signal]));
        const value = fresh ? await this.#resolve(resolver, signal) : await this.#inTurn(resolver, signal);
        lifetime.start(value.ttl);
        return { value, pause: 0 };
      },
      deadline: (fresh) => this.#budget() + (fresh ? 0 : lifetime.left()),
      deliver: (resolution) => {
        const before = server;
        server = this.#exchange.preferred;
        if (resolution.kind !== 'nodes') return hold.absent(resolution.kind, absence(service, resolution.kind));
        report.tell(resolution.missing);
        const moved = before !== '' && before !== server;
        hold.present(resolution.nodes, moved ? 'the questions went over to another server' : undefined);
      },
      fail: (error) => hold.absent(failedOutcome(error), error.message),
    };
  }

  /** A question that is not fresh does not pass the loop's gate, since it would hold a place while it waits. */
  async #inTurn(resolver: DnsResolver, signal: AbortSignal): Promise<Resolution> {
    if (!(await this.#gate.enter(signal))) throw signal.reason;
    try {
      return await this.#resolve(resolver, signal);
    } finally {
      this.#gate.leave();
    }
  }

  #resolve(resolver: DnsResolver, signal: AbortSignal): Promise<Resolution> {
    const { search = [], ndots = 1 } = this.#file?.settings ?? {};
    const settings = { servers: this.#servers(), search, ndots };
    return resolver.resolve(settings, (question) => this.#exchange.ask(question, signal));
  }

  #budget(): number {
    const { timeout, attempts } = this.#options;
    return Math.max(MIN_BUDGET_MS, BUDGET_FACTOR * timeout * attempts * this.#servers().length);
  }
}

/** How long the last answer holds. */
class Lifetime {
  readonly #clock: Clock;
  readonly #minTtl: number;
  readonly #maxTtl: number;
  #end = 0;

  constructor(clock: Clock, { minTtl, maxTtl }: DnsOptions) {
    this.#clock = clock;
    this.#minTtl = minTtl;
    this.#maxTtl = maxTtl;
  }

  /** `ttl` in seconds. */
  start(ttl: number): void {
    this.#end = this.#clock.now() + Math.min(this.#maxTtl, Math.max(this.#minTtl, ttl * SECOND));
  }

  left(): number {
    return Math.max(0, this.#end - this.#clock.now());
  }

  over(signal: AbortSignal): Promise<void> {
    return sleep(this.#clock, this.left(), signal);
  }
}

function absence(service: string, kind: 'nxdomain' | 'empty'): string {
  return kind === 'nxdomain' ? `there is no name ${service}` : `the name ${service} has no such records`;
}
