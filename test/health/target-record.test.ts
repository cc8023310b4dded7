import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TargetRecord } from '../../src/health/target-record.ts';
import type { ProbeVerdict } from '../../src/health/types.ts';
import { planOf, target } from './scripted-probes.ts';

const VERDICTS: Record<string, ProbeVerdict> = { s: 'success', h: 'status', c: 'tcp', t: 'timeout', n: 'neutral' };

/** The health after each verdict; the letters stand for success, status, connection (tcp), timeout and neutral. */
function healthAfter(letters: string, plan = planOf()): string {
  const record = new TargetRecord(target('u|a', plan));
  return [...letters]
    .map((letter, at) => {
      record.apply({ verdict: VERDICTS[letter]!, detail: '' }, at);
      return { unknown: '?', pending: '.', healthy: '+', unhealthy: '-' }[record.health];
    })
    .join('');
}

describe('counting towards a change of health', () => {
  for (const [what, letters, expected] of [
    ['enough successes make a node healthy', 'sss', '?++'],
    ['enough statuses make it unhealthy', 'hhhhhh', '????--'],
    ['enough lost connections do', 'ccc', '?--'],
    ['enough timeouts do', 'ttt', '??-'],
    ['each kind of failure is counted for itself', 'cthhtht', '??????-'],
    ['a success forgets every failure', 'ctthhhhsctthhhh', '?'.repeat(15)],
    ['a failure forgets the successes', 'scsts', '?????'],
    ['a neutral answer changes nothing', 'nsncnnc', '??????-'],
    ['a healthy node needs all failures again', 'sscscc', '?++++-'],
    ['an unhealthy node needs all successes', 'ccscss', '?----+'],
    ['failures while unhealthy do not count afterwards', 'cctttttssttt', '?-------+++-'],
    ['successes while healthy do not count afterwards', 'ssssssccs', '?++++++--'],
  ] as const) {
    it(what, () => assert.equal(healthAfter(letters), expected));
  }

  it('never reaches a threshold of 0', () => {
    const plan = planOf({ healthy: { successes: 1 }, unhealthy: { httpFailures: 0, tcpFailures: 0, timeouts: 0 } });
    assert.equal(healthAfter('hhhhhhccccctttttts', plan), `${'?'.repeat(17)}+`);
  });

  it('tells when and why', () => {
    const record = new TargetRecord(target('u|a'));
    assert.deepEqual([record.changedAt, record.checkedAt, record.last], [null, null, null]);
    assert.equal(record.apply({ verdict: 'tcp', detail: 'refused' }, 5), null);
    assert.deepEqual([record.changedAt, record.checkedAt, record.last?.detail], [null, 5, 'refused']);
    assert.equal(record.apply({ verdict: 'tcp', detail: 'refused' }, 8), 'unknown');
    assert.deepEqual([record.changedAt, record.checkedAt], [8, 8]);
  });

  it('reads the upstream from the key', () => {
    assert.equal(new TargetRecord(target('u|10.0.0.1:80')).group, 'u');
    assert.equal(new TargetRecord(target('a|b|[::1]:80')).group, 'a|b');
  });
});

describe('a gate', () => {
  const gated = planOf({ gate: true });

  it('is passed by one success, and by nothing else', () => {
    assert.equal(healthAfter('nncs', gated), '...+');
    assert.equal(healthAfter('s', gated), '+');
    assert.equal(new TargetRecord(target('u|a', gated)).health, 'pending');
  });

  it('does not spare a node that has failed the successes it needs', () => {
    assert.equal(healthAfter('ccssscc', gated), '.--+++-');
  });

  it('stays shut for ever when successes are never enough', () => {
    assert.equal(healthAfter('sss', planOf({ gate: true, healthy: { successes: 0 } })), '...');
  });

  it('stands open when the checks cannot be made, or are no gate any more', () => {
    const [one, two] = [new TargetRecord(target('u|a', gated)), new TargetRecord(target('u|b', gated))];
    one.cannotBeChecked();
    assert.equal(one.health, 'unknown');
    two.target = target('u|b');
    two.checksChanged();
    assert.equal(two.health, 'unknown');
  });
});

describe('flap damping of a target', () => {
  it('keeps it out though its checks pass, and lets it back after the hold with the next success', () => {
    const record = new TargetRecord(target('u|a', planOf({ damping: { holdMs: 50, maxMs: 1000 } })));
    let at = 0;
    const say = (verdict: ProbeVerdict, times = 1) => {
      for (let time = 0; time < times; time++) record.apply({ verdict, detail: '' }, ++at);
      return record.health;
    };
    say('tcp', 2);
    assert.equal(say('success', 2), 'healthy', 'the first fall costs no more than the successes');
    assert.equal(say('tcp', 2), 'unhealthy');
    assert.equal(record.heldUntil, at + 50);
    assert.equal(say('success', 49), 'unhealthy');
    assert.equal(say('success'), 'healthy');
  });

  it('wants the successes in a row at the end of the hold too', () => {
    const record = new TargetRecord(target('u|a', planOf({ damping: { holdMs: 50, maxMs: 1000 } })));
    const say = (verdict: ProbeVerdict, at: number) => record.apply({ verdict, detail: '' }, at);
    for (const at of [1, 2]) say('tcp', at);
    for (const at of [3, 4]) say('success', at);
    for (const at of [5, 6]) say('tcp', at);
    say('success', 55);
    say('tcp', 56);
    say('success', 57);
    assert.equal(record.health, 'unhealthy');
    say('success', 58);
    assert.equal(record.health, 'healthy');
  });
});

describe('transition', () => {
  for (const [letters, expected] of [
    ['', false],
    ['s', true],
    ['ss', false],
    ['sss', false],
    ['ssc', true],
    ['sscs', false],
    ['sst', true],
    ['ssh', true],
    ['sscc', false],
    ['ssccc', false],
    ['ssccs', true],
    ['ssccsc', false],
    ['n', false],
  ] as const) {
    it(`${expected ? 'lasts' : 'is over'} after ${letters || 'nothing'}`, () => {
      const record = new TargetRecord(target('u|a'));
      for (const letter of letters) record.apply({ verdict: VERDICTS[letter]!, detail: '' }, 1);
      assert.equal(record.inTransition, expected);
    });
  }

  it('does not last while a hold does', () => {
    const record = new TargetRecord(target('u|a', planOf({ damping: { holdMs: 50, maxMs: 1000 } })));
    for (const letter of 'ccssccsss') record.apply({ verdict: VERDICTS[letter]!, detail: '' }, 1);
    assert.equal(record.health, 'unhealthy');
    assert.equal(record.inTransition, false);
  });
});
