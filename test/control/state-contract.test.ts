/**
 * The state contract without threads and sockets: random changes of the configuration, orders, traffic, failures, late
 * messages and dying workers, on a clock that the test moves. A failing seed is named: `STATE_SEED=<seed> npm test control/state`.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outcome, type PickContext } from '../../src/balancers/types.ts';
import { formatAddress } from '../../src/core/address.ts';
import { seededRandom } from '../../src/core/random.ts';
import { NodeField } from '../../src/telemetry/counters.ts';
import type { TableHandle } from '../../src/upstream/handle.ts';
import { selectReady } from '../../src/upstream/ready-set.ts';
import type { Snapshot } from '../../src/upstream/snapshot.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { ChurnPlane } from '../support/churn/churn-plane.ts';
import { ConfigChurn, SAME } from '../support/churn/config-churn.ts';

const SEEDS = 1000;
const STEPS = 30;
const WORKERS = 2;
/** How far round robin may leave a node behind its share while everything changes, in picks. */
const MAX_BEHIND = 6;
/** Rounds that are counted when the changes are over. */
const ROUNDS = 6;
const NOTHING_TRIED: readonly TableHandle[] = [];

interface Use {
  readonly worker: number;
  readonly key: string;
  readonly handle: TableHandle;
  readonly upstream: Upstream;
  /** Null once its answer has begun: no retry can follow. */
  readonly snapshot: Snapshot | null;
}

class Run {
  readonly #random;
  readonly #churn: ConfigChurn;
  readonly plane: ChurnPlane;
  /** Requests under way. */
  #open: Use[] = [];
  /** What each node is behind its share of `fair`, by worker. */
  readonly #behind = Array.from({ length: WORKERS }, () => new Map<TableHandle, number>());
  worst = 0;
  /** What was changed, for reports. */
  readonly steps: string[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#churn = new ConfigChurn(this.#random, {
      pools: [
        { id: 'fair', ports: [1, 2, 3, 4, 5, 6, 7, 8], spared: ['balancer'] },
        { id: 'other', ports: [11, 12, 13, 14, 15, 16] },
      ],
      routes: [],
    });
    this.plane = new ChurnPlane(WORKERS, this.#random);
    this.plane.configure(this.#churn.document());
    for (let worker = 0; worker < WORKERS; worker++) this.plane.deliver(worker);
  }

  async step(): Promise<void> {
    this.#change();
    for (let worker = 0; worker < WORKERS; worker++) {
      if (this.#random.below(3) > 0) this.plane.deliver(worker, this.#random.below(4));
      this.#traffic(worker, this.#random.below(12));
      this.plane.pulse(worker);
    }
    if (this.#random.below(12) === 0) this.#kill();
    this.#checkCounts();
    this.plane.clock.advance(this.#random.below(4) === 0 ? this.#random.below(40_000) : this.#random.below(300));
    await Promise.resolve();
  }

  /** Everything is well and quiet again: nothing may be left of what was. */
  async settle(): Promise<void> {
    const { plane } = this;
    plane.sick.clear();
    for (const use of this.#open.splice(0)) this.#end(use, Outcome.success);
    for (const { upstream, node } of this.#ordered()) {
      plane.order({ upstream, node, action: 'enable', weight: null });
      plane.order({ upstream, node, action: 'weight', weight: null });
    }
    assert.deepEqual(plane.overrides.rules, []);
    const nodes = this.#churn.upstreams.flatMap((upstream) => upstream.nodes);
    for (const node of nodes) Object.assign(node, { priority: 0, weight: Math.max(1, node.weight) });
    plane.configure(this.#churn.document());
    await this.#untilNobodyIsEjected();
    for (const upstream of this.#churn.upstreams) upstream.settings = {};
    plane.configure(this.#churn.document());
    for (let worker = 0; worker < WORKERS; worker++) {
      plane.deliver(worker);
      plane.pulse(worker);
      plane.deliver(worker);
      assert.equal(plane.seats[worker]!.view.hasLeaving, false, 'a node that left is still held');
    }
    this.#checkCounts();
    const planned = [...plane.publisher.upstreams.values()].flatMap(({ nodes }) => nodes.map(({ slot }) => slot));
    assert.deepEqual([...plane.nodeSlots.slots()].sort(byNumber), planned.sort(byNumber), 'rows without a node');
    plane.clock.advance(2000);
    for (let worker = 0; worker < WORKERS; worker++) this.#checkRounds(worker);
  }

  #change(): void {
    const { plane } = this;
    if (this.#random.below(6) === 0) plane.sick.add(1 + this.#random.below(16));
    if (this.#random.below(6) === 0) plane.sick.clear();
    const checkedBefore = this.#checked();
    const step = this.#churn.next();
    this.steps.push(step.what);
    const before = this.#rows();
    const { version } = plane.publisher;
    if (step.kind === 'refused') assert.throws(() => plane.configure(step.document), step.what);
    else if (step.kind === 'order') plane.order(step.order);
    else plane.configure(this.#churn.document());
    if (step.what === SAME || step.kind === 'refused') assert.equal(plane.publisher.version, version, step.what);
    const after = this.#rows();
    const slots = new Set<number>();
    for (const [key, row] of after) {
      assert.ok(!slots.has(row.slot), `${key}: another node has its row`);
      slots.add(row.slot);
      const known = before.get(key);
      const id = key.slice(0, key.indexOf('|'));
      if (known) assert.equal(row.kept, known.kept, `${step.what}: the row of ${key}`);
      // Whoever is checked as before, if by other rules, is judged as before.
      if (known && checkedBefore.get(id) === this.#checked().get(id))
        assert.equal(row.judged, known.judged, `${step.what}: ${key}`);
    }
  }

  /** Which kinds of checks each upstream has. */
  #checked(): ReadonlyMap<string, string> {
    return new Map(
      this.#churn.upstreams.map(({ id, settings: { checks } }) => [id, `${!checks?.active} ${!checks?.passive}`]),
    );
  }

  /** What must survive of each node in the plan: in any case, and as long as the checks are the same. */
  #rows() {
    const { statistics, publisher, supervision } = this.plane;
    const { table, nodes: counters } = statistics;
    const rows = new Map<string, { slot: number; kept: string; judged: string; ejected: boolean }>();
    for (const { id, nodes } of publisher.upstreams.values()) {
      for (const { slot, node } of nodes) {
        const key = `${id}|${formatAddress(node)}`;
        const uses = Object.values(Outcome).map((outcome) => counters.sum(slot, NodeField.outcome + outcome));
        const latencies = [table.latency(slot), table.peak(slot)];
        const kept = String([
          slot,
          uses,
          table.inflight(slot),
          latencies,
          table.demotedUntil(slot),
          table.failedAt(slot),
        ]);
        const ejection = supervision.outliers.ejection(key);
        assert.equal(table.isEjected(slot), ejection !== null, `${key}: the table and the detector disagree`);
        const judged = String([table.health(slot), table.rampBegan(slot), JSON.stringify(ejection)]);
        rows.set(key, { slot, kept, judged, ejected: ejection !== null });
      }
    }
    return rows;
  }

  #traffic(worker: number, requests: number): void {
    const { snapshots } = this.plane.seats[worker]!;
    for (let request = 0; request < requests; request++) {
      const snapshot = snapshots.current;
      const id = this.#random.below(2) ? 'fair' : 'other';
      const upstream = snapshot.upstreams.get(id)!;
      const handle = upstream.pick(this.#context(), null);
      if (id === 'fair') this.#follow(worker, handle, upstream);
      if (!handle) continue;
      assert.ok(upstream.handles.includes(handle), 'a node that is not of the set was picked');
      assert.ok(handle.baseWeight > 0, 'a node without a weight was picked');
      snapshot.users += 1;
      const use = { worker, key: `${id}|${formatAddress(handle.node)}`, handle, upstream, snapshot };
      handle.begin();
      this.#open.push(use);
    }
    for (const use of this.#open.splice(0)) {
      const fate = use.worker === worker ? this.#random.below(4) : 3;
      if (fate === 0) this.#finish(use);
      else if (fate > 1) this.#open.push(use);
      else {
        this.#release(use);
        this.#open.push({ ...use, snapshot: null });
      }
    }
  }

  /** Ends a request, some of them by a retry on another node of the same snapshot. */
  #finish(use: Use): void {
    const isSick = this.plane.sick.has(use.handle.node.port);
    const outcomes = isSick
      ? [Outcome.connectFailure, Outcome.reset]
      : [Outcome.success, Outcome.success, Outcome.aborted];
    const outcome = outcomes[this.#random.below(outcomes.length)]!;
    const { upstream, snapshot } = use;
    if (outcome === Outcome.connectFailure) upstream.connectFailed(use.handle, this.plane.clock.now());
    const next = isSick && snapshot ? upstream.pick(this.#context(use.handle), null) : null;
    if (next && snapshot) {
      const key = `${upstream.plan.id}|${formatAddress(next.node)}`;
      assert.equal(
        this.plane.nodeSlots.get(key),
        next.slot,
        `${key} left, and its row is another's while it can be picked`,
      );
      snapshot.users += 1;
      next.begin();
      this.#open.push({ ...use, key, handle: next });
    }
    this.#end(use, outcome);
  }

  #end(use: Use, outcome: Outcome): void {
    assert.equal(this.plane.nodeSlots.get(use.key), use.handle.slot, `${use.key} lost its row while in use`);
    if (outcome === Outcome.success) use.handle.answered(1000, this.plane.clock.now());
    use.handle.end(outcome, this.plane.clock.now());
    this.#release(use);
  }

  #release({ worker, snapshot }: Use): void {
    if (snapshot) this.plane.seats[worker]!.snapshots.release(snapshot);
  }

  /** Adds to what each node is behind, if the pick was among one pool. */
  #follow(worker: number, picked: TableHandle | null, { plan, handles }: Upstream): void {
    const behind = this.#behind[worker]!;
    const { statistics, clock } = this.plane;
    const { pools, trials } = selectReady(handles, plan.spread, statistics.table, clock.now());
    const nodes = pools[0]?.nodes ?? [];
    for (const handle of behind.keys()) if (!nodes.includes(handle)) behind.delete(handle);
    if (pools.length !== 1 || (picked && trials.includes(picked))) return;
    const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
    for (const handle of nodes) {
      const value = (behind.get(handle) ?? 0) + handle.weight / total - (handle === picked ? 1 : 0);
      behind.set(handle, Math.max(-1, value));
      this.worst = Math.max(this.worst, value);
      assert.ok(value <= MAX_BEHIND, `${formatAddress(handle.node)} is ${value} picks behind`);
    }
  }

  #kill(): void {
    const worker = this.#random.below(WORKERS);
    const lost = this.#open.filter((use) => use.worker === worker).length;
    this.#open = this.#open.filter((use) => use.worker !== worker);
    this.#behind[worker]!.clear();
    assert.equal(this.plane.kill(worker), lost, 'what the dead worker had under way');
  }

  #checkCounts(): void {
    const { table } = this.plane.statistics;
    const counts = new Map<number, number>();
    for (const { handle } of this.#open) counts.set(handle.slot, (counts.get(handle.slot) ?? 0) + 1);
    for (const slot of this.plane.nodeSlots.slots()) assert.equal(table.inflight(slot), counts.get(slot) ?? 0);
  }

  async #untilNobodyIsEjected(): Promise<void> {
    const { plane } = this;
    const ejected = () => [...this.#rows()].filter(([, row]) => row.ejected);
    for (let round = 0; ejected().length > 0; round++) {
      assert.ok(round < 100, `never tried again: ${ejected().map(([key]) => key)}`);
      plane.clock.advance(60_000);
      await Promise.resolve();
      for (let worker = 0; worker < WORKERS; worker++) {
        plane.deliver(worker);
        for (const upstream of plane.seats[worker]!.snapshots.current.upstreams.values()) {
          for (let pick = 0; pick < 10; pick++) {
            const handle = upstream.pick(this.#context(), null);
            handle?.begin();
            handle?.end(Outcome.success, plane.clock.now());
          }
        }
        plane.deliver(worker);
      }
    }
  }

  /** Whole rounds of round robin give every node its weight, although the upstream is replaced in the middle of some. */
  #checkRounds(worker: number): void {
    const { plane } = this;
    const fair = this.#churn.upstreams[0]!;
    const current = () => plane.seats[worker]!.snapshots.current.upstreams.get('fair')!;
    const { handles } = current();
    const total = handles.reduce((sum, { baseWeight }) => sum + baseWeight, 0);
    const picks = new Map<TableHandle, number>(handles.map((handle) => [handle, 0]));
    const until = ROUNDS * total;
    const between = Math.ceil(1.3 * total);
    for (let pick = 1; pick <= until; pick++) {
      const handle = current().pick(this.#context(), null)!;
      picks.set(handle, picks.get(handle)! + 1);
      if (pick % between > 0) continue;
      fair.settings = { timeout: { read: pick + worker } };
      plane.configure(this.#churn.document());
      plane.deliver(worker);
    }
    for (const [{ node, baseWeight }, count] of picks) {
      const off = Math.abs(count - ROUNDS * baseWeight);
      assert.ok(off <= 1, `${node.port}: ${count} of ${until} picks for weight ${baseWeight} of ${total}`);
    }
  }

  #context(...tried: TableHandle[]): PickContext {
    const list = tried.length === 0 ? NOTHING_TRIED : tried;
    return { hash: this.#random.below(2 ** 32), now: this.plane.clock.now(), tried: list };
  }

  #ordered(): { upstream: string; node: string }[] {
    return this.plane.overrides.rules.map(({ match }) => ({ upstream: match.upstream!, node: match.node! }));
  }
}

function byNumber(a: number, b: number): number {
  return a - b;
}

describe('state contract, without sockets', () => {
  const only = process.env.STATE_SEED;
  const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(only)];

  it(`holds over ${STEPS} random changes from each of ${seeds.length} seeds`, async (t) => {
    let worst = 0;
    for (const seed of seeds) {
      const run = new Run(seed);
      try {
        for (let step = 0; step < STEPS; step++) await run.step();
        await run.settle();
      } catch (error) {
        if (error instanceof Error) error.message = `STATE_SEED=${seed}: ${error.message}\n${run.steps.join('\n')}`;
        throw error;
      } finally {
        run.plane.close();
      }
      worst = Math.max(worst, run.worst);
    }
    t.diagnostic(`round robin left no node more than ${worst.toFixed(2)} picks behind its share`);
  });
});
