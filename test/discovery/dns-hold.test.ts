import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DnsHold } from '../../src/discovery/dns-hold.ts';
import type { DnsOutcome, HoldPolicy } from '../../src/discovery/dns-options.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { nodes } from '../support/nodes.ts';

describe('the hold of DNS outcomes', () => {
  let clock: FakeClock;
  let told: string[];
  beforeEach(() => {
    clock = new FakeClock();
    told = [];
  });

  function create(policies: Partial<Record<DnsOutcome, HoldPolicy>>): DnsHold {
    const all = { nxdomain: 'keep', empty: 'keep', servfail: 'keep', timeout: 'keep', ...policies } as const;
    return new DnsHold(all, clock, {
      set: (members, doubt) => void told.push(`set ${members.length}${doubt === null ? ' for certain' : ''}`),
      fail: (error) => void told.push(`${error.code}: ${error.message}`),
    });
  }

  it('keeps for ever, or drops at once', () => {
    const hold = create({ empty: 'drop' });
    hold.present(nodes(2), undefined);
    hold.absent('servfail', 'no');
    clock.advance(1e9);
    hold.absent('empty', 'none');
    assert.deepEqual(told, ['set 2', 'DNS_SERVFAIL: no; the nodes are kept', 'set 0']);
    assert.equal(clock.pending, 0);
  });

  it('drops after a time of the same outcome, to the millisecond, and once for certain', () => {
    const hold = create({ nxdomain: 30_000 });
    hold.absent('nxdomain', 'no name');
    clock.advance(20_500);
    hold.absent('nxdomain', 'no name');
    clock.advance(9_499);
    assert.deepEqual(told, [
      'DNS_NXDOMAIN: no name; the nodes are kept until 2023-11-14T22:30:30.000Z',
      'DNS_NXDOMAIN: no name; the nodes are kept until 2023-11-14T22:30:30.000Z',
    ]);
    clock.advance(1);
    hold.absent('nxdomain', 'no name');
    assert.deepEqual(told.slice(2), ['set 0 for certain', 'set 0']);
  });

  it('begins anew after an answer, and after another outcome', () => {
    const hold = create({ nxdomain: 30_000, timeout: 10_000 });
    hold.absent('nxdomain', 'x');
    clock.advance(29_000);
    hold.present(nodes(1), 'moved');
    hold.absent('nxdomain', 'x');
    clock.advance(29_000);
    hold.absent('servfail', 'x');
    clock.advance(29_000);
    hold.absent('nxdomain', 'x');
    clock.advance(29_000);
    hold.absent('timeout', 'x');
    clock.advance(10_000);
    assert.equal(told.filter((each) => each.startsWith('set 0')).length, 1);
    assert.equal(told.at(-1), 'set 0 for certain');
    hold.present(nodes(1), undefined);
    assert.equal(told.at(-1), 'set 1');
  });

  it('says nothing after its end', () => {
    const hold = create({ nxdomain: 30_000 });
    hold.absent('nxdomain', 'x');
    hold.close();
    clock.advance(60_000);
    assert.equal(told.length, 1);
    assert.equal(clock.pending, 0);
  });
});
