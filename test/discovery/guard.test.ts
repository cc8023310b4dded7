import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { GuardedSet, type GuardOptions, type Verdict } from '../../src/discovery/guard.ts';
import { MassCollapse } from '../../src/discovery/mass-collapse.ts';
import { nodeRules } from '../../src/discovery/node-order.ts';
import type { Node } from '../../src/discovery/types.ts';
import { DEFAULT_GUARD } from '../support/discovery-defaults.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { node, nodes } from '../support/nodes.ts';

interface Seen {
  readonly verdict: Verdict;
  readonly count: number;
  readonly reason: string | null;
}

class Guarded {
  readonly seen: Seen[] = [];
  readonly set: GuardedSet<Node>;
  hosts: readonly string[] = [];
  weights: readonly number[] = [];
  #members: readonly Node[] = [];
  /** How often the members in force were replaced. */
  rebuilds = 0;

  constructor(clock: FakeClock, options: Partial<GuardOptions> = {}, others: MassCollapse | null = null) {
    const guard = { ...DEFAULT_GUARD, ...options };
    this.set = new GuardedSet<Node>(
      guard,
      nodeRules,
      clock,
      others,
      this.#members,
      false,
      (verdict, members, reason) => {
        this.seen.push({ verdict, count: members.length, reason });
        if (members !== this.#members) this.rebuilds += 1;
        this.#members = members;
        this.hosts = members.map((each) => each.host);
        this.weights = members.map((each) => each.weight);
      },
    );
  }

  get verdicts(): Verdict[] {
    return this.seen.map((each) => each.verdict);
  }

  get last(): Seen | undefined {
    return this.seen.at(-1);
  }
}

describe('the guard, with one set', () => {
  let clock: FakeClock;
  beforeEach(() => {
    clock = new FakeClock();
  });

  it('lets a change through that the adapter has held itself, also while it holds or doubts, and remembers no peak of it', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(10));
    guarded.set.offer([]);
    assert.equal(guarded.last?.verdict, 'held');
    guarded.set.sourceInDoubt('the source could not be asked');
    guarded.set.offer([], null);
    assert.deepEqual([guarded.last?.verdict, guarded.hosts.length], ['expired', 0]);
    assert.equal(guarded.set.held, null);
    assert.equal(guarded.set.collapsed, false);
    guarded.set.offer([]);
    assert.equal(guarded.last?.verdict, 'unchanged');
    guarded.set.offer(nodes(10));
    guarded.set.offer(nodes(1));
    assert.equal(guarded.last?.verdict, 'held');
  });

  it('applies the first changes at once and merges those that follow, every 200 ms', () => {
    const guarded = new Guarded(clock);
    clock.advance(60_000);
    for (const count of [1, 2, 1, 2]) {
      guarded.set.offer(nodes(count));
      assert.equal(guarded.hosts.length, count);
    }
    clock.advance(50);
    guarded.set.offer(nodes(3));
    guarded.set.offer(nodes(4));
    assert.equal(guarded.hosts.length, 2);
    clock.advance(149);
    assert.equal(guarded.hosts.length, 2);
    clock.advance(1);
    assert.equal(guarded.hosts.length, 4);
    assert.deepEqual(guarded.verdicts, ['applied', 'applied', 'applied', 'applied', 'merged']);
    clock.advance(200);
    guarded.set.offer(nodes(5));
    assert.equal(guarded.hosts.length, 5);
  });

  it('forgets a merged change that is taken back in time', () => {
    const guarded = new Guarded(clock);
    for (const count of [1, 2, 1, 2]) guarded.set.offer(nodes(count));
    guarded.set.offer(nodes(3));
    guarded.set.offer(nodes(2));
    clock.advance(1000);
    assert.deepEqual(guarded.verdicts.slice(4), ['unchanged']);
    assert.equal(guarded.rebuilds, 4);
    assert.equal(clock.pending, 0);
  });

  it('takes the same content in another order, or twice, for no change', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer([node('b'), node('a')]);
    guarded.set.offer([node('a'), node('b'), node('a')]);
    assert.deepEqual(guarded.verdicts, ['applied', 'unchanged']);
    assert.deepEqual(guarded.hosts, ['a', 'b']);
  });

  it('takes a changed weight for a change', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer([node('a')]);
    clock.advance(300);
    guarded.set.offer([node('a', 80, { weight: 3 })]);
    assert.deepEqual(guarded.verdicts, ['applied', 'applied']);
  });

  it('does not delay an ordinary scale-down or the end of a small service', () => {
    const guarded = new Guarded(clock);
    for (const count of [10, 6, 3, 2, 1, 0]) {
      clock.advance(1000);
      guarded.set.offer(nodes(count));
      assert.equal(guarded.hosts.length, count);
    }
    assert.deepEqual(new Set(guarded.verdicts), new Set(['applied']));
  });

  it('does not mistake a service whose nodes are all replaced for a collapse', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(10));
    clock.advance(1000);
    guarded.set.offer(nodes(10, 100));
    assert.equal(guarded.last?.verdict, 'applied');
  });

  it('holds a large set that collapses, and gives way when the time is over', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(10));
    clock.advance(1000);
    guarded.set.offer(nodes(4));
    assert.deepEqual(guarded.last, { verdict: 'held', count: 10, reason: '10 → 4 nodes in one step' });
    clock.advance(29_999);
    assert.equal(guarded.hosts.length, 10);
    clock.advance(1);
    assert.equal(guarded.last?.verdict, 'expired');
    assert.equal(guarded.hosts.length, 4);
    assert.equal(guarded.set.held, null);
  });

  it('holds a large set that becomes empty for the longer time, also when it does so while held', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(10));
    clock.advance(1000);
    guarded.set.offer(nodes(2));
    clock.advance(20_000);
    guarded.set.offer([]);
    clock.advance(39_999);
    assert.equal(guarded.hosts.length, 10);
    clock.advance(1);
    assert.equal(guarded.hosts.length, 0);
    assert.equal(guarded.last?.verdict, 'expired');
  });

  it('lets new nodes and new weights in while it holds', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(6));
    clock.advance(1000);
    guarded.set.offer([node('10.0.0.1', 80, { weight: 7 }), node('10.9.9.9')]);
    assert.equal(guarded.last?.verdict, 'held');
    assert.equal(guarded.hosts.length, 7);
    assert.ok(guarded.hosts.includes('10.9.9.9'));
    assert.deepEqual(guarded.weights, [7, 1, 1, 1, 1, 1, 1]);
    clock.advance(1000);
    guarded.set.offer([node('10.8.8.8')]);
    assert.equal(guarded.hosts.length, 7, 'a node that came and went while held is gone');
    clock.advance(30_000);
    assert.deepEqual(guarded.hosts, ['10.8.8.8']);
  });

  it('drops what it holds when the set recovers', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(10));
    clock.advance(1000);
    guarded.set.offer([]);
    clock.advance(1000);
    guarded.set.offer(nodes(9));
    assert.deepEqual(guarded.last, { verdict: 'dropped', count: 9, reason: 'the set recovered' });
    clock.advance(100_000);
    assert.equal(guarded.hosts.length, 9);
  });

  it('lets a held change through by hand', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(10));
    assert.equal(guarded.set.release(), false);
    clock.advance(1000);
    guarded.set.offer([]);
    assert.equal(guarded.hosts.length, 10);
    assert.equal(guarded.set.release(), true);
    assert.deepEqual(guarded.last?.verdict, 'released');
    assert.equal(guarded.hosts.length, 0);
    assert.equal(clock.pending, 0);
  });

  it('holds nothing where the hold is 0', () => {
    const guarded = new Guarded(clock, { shrinkHold: 0, emptyHold: 0 });
    guarded.set.offer(nodes(10));
    clock.advance(1000);
    guarded.set.offer(nodes(1));
    assert.equal(guarded.hosts.length, 1);
    clock.advance(1000);
    guarded.set.sourceInDoubt('a test');
    guarded.set.offer([]);
    assert.equal(guarded.hosts.length, 0);
  });

  it('leaves no timer behind when it is closed', () => {
    const guarded = new Guarded(clock);
    guarded.set.offer(nodes(10));
    for (const count of [9, 8, 9, 8]) guarded.set.offer(nodes(count));
    assert.equal(clock.pending, 1);
    guarded.set.close();
    assert.equal(clock.pending, 0);
    clock.advance(1000);
    guarded.set.offer([]);
    assert.equal(clock.pending, 1);
    guarded.set.close();
    assert.equal(clock.pending, 0);
  });
});

describe('the guard, after its source was away', () => {
  let clock: FakeClock;
  let guarded: Guarded;
  beforeEach(() => {
    clock = new FakeClock();
    guarded = new Guarded(clock);
    guarded.set.offer(nodes(2));
    clock.advance(60_000);
    guarded.set.sourceInDoubt('the source could not be asked');
    clock.advance(60_000);
  });

  it('holds a small set that is empty in the first answer', () => {
    guarded.set.offer([]);
    assert.deepEqual(guarded.last, {
      verdict: 'held',
      count: 2,
      reason: '2 → 0 nodes after the source could not be asked',
    });
    clock.advance(60_000);
    assert.equal(guarded.hosts.length, 0);
  });

  it('holds one that collapses some seconds after a good first answer', () => {
    guarded.set.offer(nodes(2));
    clock.advance(9_999);
    guarded.set.offer([]);
    assert.equal(guarded.last?.verdict, 'held');
  });

  it('trusts the source again after ten seconds', () => {
    guarded.set.offer(nodes(2));
    clock.advance(10_000);
    guarded.set.offer([]);
    assert.equal(guarded.last?.verdict, 'applied');
  });

  it('stays in doubt when the set recovers', () => {
    guarded.set.offer([]);
    clock.advance(1000);
    guarded.set.offer(nodes(2));
    assert.equal(guarded.last?.verdict, 'dropped');
    clock.advance(1000);
    guarded.set.offer([]);
    assert.equal(guarded.last?.verdict, 'held');
  });

  it('does not hold an ordinary change', () => {
    guarded.set.offer(nodes(1));
    assert.equal(guarded.last?.verdict, 'applied');
  });

  it('wants a collapse confirmed when the source fails while it holds, but not for ever', () => {
    const start = clock.now();
    guarded.set.offer([]);
    let held = true;
    while (held) {
      clock.advance(30_000);
      guarded.set.sourceInDoubt('the source could not be asked');
      clock.advance(30_000);
      assert.equal(guarded.hosts.length, 2, 'nothing is applied while the source fails');
      guarded.set.offer([]);
      clock.advance(1);
      held = guarded.set.held !== null;
      assert.ok(clock.now() - start <= 181_000, 'the hold has a bound');
    }
    assert.equal(guarded.hosts.length, 0);
    assert.ok(clock.now() - start >= 180_000);
  });
});

describe('the guard, with many services of one source', () => {
  let clock: FakeClock;
  let mass: MassCollapse;
  let services: Guarded[];
  beforeEach(() => {
    clock = new FakeClock();
    mass = new MassCollapse(clock);
    services = Array.from({ length: 8 }, () => new Guarded(clock, {}, mass));
    for (const service of services) service.set.offer(nodes(2));
    clock.advance(60_000);
  });

  it('brings all back when three of them end within seconds', () => {
    services[0]!.set.offer([]);
    clock.advance(1000);
    services[1]!.set.offer([]);
    assert.deepEqual([services[0]!.hosts.length, services[1]!.hosts.length], [0, 0]);
    clock.advance(1000);
    services[2]!.set.offer([]);
    for (const service of services.slice(0, 3)) {
      assert.deepEqual(service.last, {
        verdict: 'held',
        count: 2,
        reason: '3 of 8 services collapsed within 5 s',
      });
    }
    services[3]!.set.offer([]);
    assert.equal(services[3]!.last?.verdict, 'held');
    clock.advance(60_000);
    for (const service of services.slice(0, 4)) assert.equal(service.hosts.length, 0);
  });

  it('counts a service that lost its nodes one by one', () => {
    for (const service of services.slice(0, 3)) service.set.offer(nodes(1));
    clock.advance(1000);
    for (const service of services.slice(0, 3)) service.set.offer([]);
    for (const service of services.slice(0, 3)) assert.equal(service.hosts.length, 2);
  });

  it('does not hold services that end one after the other', () => {
    for (const service of services) {
      clock.advance(5_001);
      service.set.offer([]);
      assert.equal(service.last?.verdict, 'applied');
    }
  });

  it('does not hold when three are a small part of the source', () => {
    for (let more = 0; more < 8; more++) new Guarded(clock, {}, mass).set.offer(nodes(1));
    for (const service of services.slice(0, 3)) service.set.offer([]);
    for (const service of services.slice(0, 3)) assert.equal(service.hosts.length, 0);
  });

  it('does not count services that came back, or that are not watched any more', () => {
    services[0]!.set.offer([]);
    services[1]!.set.offer([]);
    clock.advance(500);
    services[0]!.set.offer(nodes(2));
    services[2]!.set.offer([]);
    assert.equal(services[2]!.last?.verdict, 'applied');
    services[1]!.set.close();
    services[3]!.set.offer([]);
    assert.equal(services[3]!.last?.verdict, 'applied');
  });
});
