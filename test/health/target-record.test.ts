import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TargetRecord } from '../../src/health/target-record.ts';
import type { ProbeVerdict } from '../../src/health/types.ts';
import { planOf, target } from './scripted-probes.ts';

/** The health after each verdict; the letters stand for success, status, connection (tcp), timeout and neutral. */
function healthAfter(letters: string, plan = planOf()): string {
  const verdicts: Record<string, ProbeVerdict> = { s: 'success', h: 'status', c: 'tcp', t: 'timeout', n: 'neutral' };
  const record = new TargetRecord(target('u|a', plan));
  return [...letters]
    .map((letter, at) => {
      record.apply({ verdict: verdicts[letter]!, detail: '' }, at);
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
