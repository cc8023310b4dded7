import type { Clock, Timer } from '../core/clock.ts';
import { sameData } from '../core/json.ts';
import type { Log } from '../core/log.ts';
import { CircuitBreaker } from '../health/breaker/circuit-breaker.ts';
import type { BreakerChange, BreakerPlan, BreakerState, BreakerTotals } from '../health/breaker/types.ts';
import { BUCKETS } from '../health/count-window.ts';
import { RouteField } from '../telemetry/counters.ts';
import type { BreakerCells } from '../upstream/breaker-cells.ts';
import { NodeTotals } from './node-totals.ts';
import type { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';

export type BreakerKind = 'upstream' | 'route';

/** Which upstreams and routes have a breaker, by id. */
export interface BreakerRules {
  readonly upstreams: ReadonlyMap<string, BreakerPlan>;
  readonly routes: ReadonlyMap<string, BreakerPlan>;
}

export interface BreakerView {
  readonly kind: BreakerKind;
  readonly id: string;
  readonly state: BreakerState;
  readonly openings: number;
  /** Why it is in this state; null while it never left the first. */
  readonly reason: string | null;
}

interface Entry {
  readonly kind: BreakerKind;
  readonly id: string;
  readonly plan: BreakerPlan;
  readonly breaker: CircuitBreaker;
  /** Of the upstream's nodes; routes have counters of their own. */
  readonly uses: NodeTotals;
  /** Of the cells and, for a route, of its counters. */
  readonly row: number;
  openings: number;
  reason: string | null;
  timer: Timer | null;
}

export interface BreakerParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly statistics: Statistics;
  readonly publisher: Publisher;
}

/** The circuit breakers: they decide here by what the workers counted, and are set in shared memory for all workers. */
export class Breakers {
  readonly #parts: BreakerParts;
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  constructor(parts: BreakerParts) {
    this.#parts = parts;
  }

  /** Replaces the whole list, once the plan is what it should be. One whose rules did not change goes on as it was. */
  track(rules: BreakerRules): void {
    if (this.#closed) return;
    const wanted = new Set<string>();
    for (const [kind, plans] of [
      ['upstream', rules.upstreams],
      ['route', rules.routes],
    ] as const) {
      for (const [id, plan] of plans) {
        const key = `${kind} ${id}`;
        const row = this.#row(kind, id);
        if (row === null) continue;
        wanted.add(key);
        const known = this.#entries.get(key);
        if (known && known.row === row && sameData(known.plan, plan)) continue;
        if (known) this.#remove(key, known);
        this.#add(key, { kind, id, plan, row });
      }
    }
    for (const [key, entry] of this.#entries) if (!wanted.has(key)) this.#remove(key, entry);
  }

  views(): readonly BreakerView[] {
    return [...this.#entries.values()].map(({ kind, id, breaker, openings, reason }) => {
      return { kind, id, state: breaker.state, openings, reason };
    });
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#entries.values()) timer?.cancel();
  }

  #add(key: string, { kind, id, plan, row }: Pick<Entry, 'kind' | 'id' | 'plan' | 'row'>): void {
    const uses = new NodeTotals(this.#parts.statistics.nodes);
    const breaker = new CircuitBreaker(plan);
    const entry: Entry = { kind, id, plan, breaker, uses, row, openings: 0, reason: null, timer: null };
    this.#entries.set(key, entry);
    // The row may be one that another had.
    this.#cells(entry).close(row);
    this.#schedule(entry);
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    entry.timer?.cancel();
    this.#cells(entry).close(entry.row);
  }

  #schedule(entry: Entry): void {
    entry.timer = this.#parts.clock.after(entry.plan.windowMs / BUCKETS, () => {
      this.#tick(entry);
      this.#schedule(entry);
    });
  }

  #tick(entry: Entry): void {
    const change = entry.breaker.tick(this.#parts.clock.now(), this.#totals(entry));
    if (change) this.#apply(entry, change);
  }

  #apply(entry: Entry, { state, reason, forMs }: BreakerChange): void {
    const { row } = entry;
    const cells = this.#cells(entry);
    entry.reason = reason;
    if (state === 'open') cells.open(row);
    else if (state === 'half-open') cells.halfOpen(row, entry.plan.trials);
    else cells.close(row);
    const { log } = this.#parts;
    const fields = { [entry.kind]: entry.id, reason };
    const what = `the circuit breaker of ${entry.kind} ${entry.id}`;
    if (state === 'open') {
      entry.openings += 1;
      log.warn('breaker.open', `${what} is open for ${forMs / 1000} s: ${reason}`, fields);
    } else log.info(`breaker.${state}`, `${what} is ${state}: ${reason}`, fields);
  }

  #cells({ kind }: Entry): BreakerCells {
    const { upstreamBreakers, routeBreakers } = this.#parts.statistics;
    return kind === 'upstream' ? upstreamBreakers : routeBreakers;
  }

  /** Null while the plan does not have it: there may be no room. */
  #row(kind: BreakerKind, id: string): number | null {
    const { publisher } = this.#parts;
    return kind === 'upstream' ? (publisher.upstreams.get(id)?.slot ?? null) : publisher.routeSlot(id);
  }

  #totals({ kind, id, uses, row }: Entry): BreakerTotals {
    const { statistics, publisher } = this.#parts;
    if (kind === 'upstream') return uses.take(publisher.upstreams.get(id)?.nodes.map(({ slot }) => slot) ?? []);
    const { routes } = statistics;
    const of = (field: number) => routes.sum(row, field);
    return { total: of(RouteField.tried), failed: of(RouteField.failed), slow: of(RouteField.slow) };
  }
}
