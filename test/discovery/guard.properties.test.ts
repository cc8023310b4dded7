import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuardedSet, type GuardOptions } from '../../src/discovery/guard.ts';
import { MassCollapse } from '../../src/discovery/mass-collapse.ts';
import { canonical, nodeRules, sameMembers } from '../../src/discovery/node-order.ts';
import type { Node } from '../../src/discovery/types.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { node } from '../support/nodes.ts';

const OPTIONS: GuardOptions = { minNodes: 4, shrinkPercent: 50, shrinkHold: 3_000, emptyHold: 6_000 };

type Step =
  | { readonly kind: 'offer'; readonly hosts: readonly number[] }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'fail' };

const offer = fc.record({ kind: fc.constant('offer' as const), hosts: fc.uniqueArray(fc.nat({ max: 11 })) });
const wait = fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 2_500 }) });
const fail = fc.record({ kind: fc.constant('fail' as const) });

function membersOf(hosts: readonly number[]): readonly Node[] {
  return hosts.map((host) => node(`10.0.0.${host}`));
}

class Run {
  readonly clock = new FakeClock();
  readonly set: GuardedSet<Node>;
  latest: readonly Node[] = [];
  inForce: readonly Node[] = [];
  rebuiltAt: number[] = [];
  /** Since when the members in force have differed from the latest answer. */
  differsSince: number | null = null;

  constructor() {
    this.set = new GuardedSet(OPTIONS, nodeRules, this.clock, new MassCollapse(this.clock), [], false, (_, members) => {
      if (members !== this.inForce) this.rebuiltAt.push(this.clock.now());
      this.inForce = members;
    });
  }

  step(step: Step): void {
    if (step.kind === 'wait') this.clock.advance(step.ms);
    else if (step.kind === 'fail') this.set.sourceInDoubt('a failure');
    else {
      this.latest = canonical(membersOf(step.hosts), nodeRules);
      this.set.offer(this.latest);
    }
    const same = sameMembers(this.inForce, this.latest, nodeRules);
    this.differsSince = same ? null : (this.differsSince ?? this.clock.now());
  }
}

describe('properties of the guard', () => {
  it('has the last answer in force when the longest hold is over, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(offer, wait, fail)), fc.uniqueArray(fc.nat({ max: 11 })), (steps, last) => {
        const run = new Run();
        for (const step of steps) run.step(step);
        run.step({ kind: 'offer', hosts: last });
        run.clock.advance(OPTIONS.emptyHold);
        assert.ok(sameMembers(run.inForce, run.latest, nodeRules));
        assert.equal(run.set.held, null);
      }),
    );
  });

  it('never lets an answer wait longer than a hold after it persisted, while the source answers', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(offer, wait), { maxLength: 60 }), (steps) => {
        const run = new Run();
        for (const step of steps) {
          run.step(step);
          if (run.set.held) assert.ok(run.set.held.until - run.clock.now() <= OPTIONS.emptyHold);
          if (run.differsSince !== null && !run.set.held) run.clock.advance(200);
          if (!run.set.held) assert.ok(sameMembers(run.inForce, run.latest, nodeRules));
        }
      }),
    );
  });

  it('never loses a node while it holds, and has every node of the latest answer within 200 ms', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(offer, wait, fail), { maxLength: 60 }), (steps) => {
        const run = new Run();
        let baseline: readonly Node[] = [];
        for (const step of steps) {
          const before = run.inForce;
          const heldBefore = run.set.held;
          run.step(step);
          if (run.set.held && !heldBefore) baseline = before;
          if (run.set.held && run.set.held === heldBefore) {
            for (const each of baseline) assert.ok(run.inForce.some((other) => nodeRules.same(each, other)));
          }
          if (step.kind === 'offer') {
            run.clock.advance(200);
            for (const each of run.latest) assert.ok(run.inForce.some((other) => nodeRules.same(each, other)));
          }
        }
      }),
    );
  });

  it('rebuilds at most ten times in any second under a flap at 100 Hz', () => {
    const flap = fc.array(fc.uniqueArray(fc.nat({ max: 11 })), { minLength: 100, maxLength: 400 });
    fc.assert(
      fc.property(flap, (answers) => {
        const run = new Run();
        for (const hosts of answers) {
          run.step({ kind: 'offer', hosts });
          run.clock.advance(10);
        }
        for (const [position, at] of run.rebuiltAt.entries()) {
          const eleventh = run.rebuiltAt[position + 10];
          assert.ok(eleventh === undefined || eleventh - at >= 1000, `11 rebuilds in ${(eleventh ?? 0) - at} ms`);
        }
      }),
      { numRuns: 30 },
    );
  });
});
