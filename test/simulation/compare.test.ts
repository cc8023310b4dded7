import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chart } from '../../src/simulation/chart.ts';
import { reportRows, reportText } from '../../src/simulation/report.ts';
import type { Scenario } from '../../src/simulation/scenario.ts';
import { play } from './play.ts';

/** Everything that a scenario can have. */
const SCENARIO: Scenario = {
  ...{ name: 'all at once', seed: 7, duration: 8, rate: 400, writes: 0.2, keys: 200, timeout: 200 },
  upstream: {
    checks: {
      active: { type: 'http', fast_interval: 0.3 },
      passive: { window: 1, failure_ratio: {}, ejection: { time: 1 } },
    },
    circuit_breaker: { window: 1, open_time: 0.5 },
    slow_start: { window: 2 },
  },
  nodes: [
    { name: 'web', count: 6, latency: { median: 10, p99: 40 }, capacity: 8 },
    { name: 'odd', weight: 2, latency: { median: 10, p99: 40 }, warm_up: { requests: 50, factor: 4 } },
  ],
  events: [
    { at: 1, node: 'odd', fail: { kind: 'unreachable', ratio: 0.5 } },
    { at: 2, node: 'web', count: 2, fail: { kind: 'refuse' } },
    { at: 3, node: 'odd', fail: null },
    { at: 3, every: 2, rate: 800 },
    { at: 4, node: 'web', fail: null },
    { at: 5, node: 'web-3', weight: 5 },
  ],
  churn: { every: 1, away: 0.5 },
};

describe('comparison', () => {
  it('comes to the same report and chart to the byte with the same seed, and to another with another', async () => {
    const first = await play(SCENARIO);
    const second = await play(SCENARIO);
    assert.equal(reportText(SCENARIO, first), reportText(SCENARIO, second));
    assert.equal(chart(SCENARIO, first), chart(SCENARIO, second));
    const other = { ...SCENARIO, seed: 8 };
    assert.notEqual(reportText(SCENARIO, first), reportText(SCENARIO, await play(other)));
  });

  it('gives every variant the same requests, whatever else is compared', async () => {
    const runs = await play(SCENARIO);
    assert.deepEqual(new Set(runs.map(({ record }) => record.requests)).size, 1);
    const [alone] = await play({ ...SCENARIO, compare: ['ewma'] });
    const beside = runs.find(({ label }) => label === 'ewma')!;
    assert.equal(reportText(SCENARIO, [alone!]), reportText(SCENARIO, [beside]));
  });

  it('counts every use out and every request once', async () => {
    for (const { record, inflightLeft, label } of await play(SCENARIO)) {
      assert.equal(inflightLeft, 0, label);
      const uses = [...record.picks.values()].flat().reduce((sum, picks) => sum + picks, 0);
      assert.equal(uses, record.requests - record.failures.shed + record.retries, label);
    }
  });
});

describe('circuit breaker in a simulation', () => {
  it('opens when everything fails, sheds, and closes after the recovery', async () => {
    for (const { record, log, label } of await play({
      ...{ duration: 12, rate: 200, upstream: { circuit_breaker: { window: 1, open_time: 0.5, max_open_time: 2 } } },
      nodes: [{ name: 'web', count: 4 }],
      events: [
        { at: 2, node: 'web', fail: { kind: 'error' } },
        { at: 6, node: 'web', fail: null },
      ],
    })) {
      assert.ok(record.failures.shed > 4 * record.failures.answer, `${label}: ${JSON.stringify(record.failures)}`);
      assert.equal(log.events.findLast(({ event }) => event.startsWith('breaker.'))?.event, 'breaker.closed', label);
      assert.ok(record.lastFailureAt! < 9000, `${label}: ${record.lastFailureAt}`);
    }
  });
});

describe('answers after which another node is asked', () => {
  it('fail no request that may be sent again', async () => {
    const scenario: Scenario = {
      ...{ duration: 5, rate: 300, compare: ['roundrobin'] },
      nodes: [
        { name: 'web', count: 4 },
        { name: 'odd', fail: { kind: 'error' } },
      ],
    };
    const [plain] = await play(scenario);
    assert.ok(plain!.record.failed > 250);
    const upstream = { retry_statuses: [500] };
    const [asked] = await play({ ...scenario, upstream });
    assert.equal(asked!.record.failed, 0);
    assert.ok(asked!.record.retries > 250);
    const [half] = await play({ ...scenario, upstream, writes: 0.5 });
    assert.ok(half!.record.failed > 100 && half!.record.retries > 100, 'writes are not sent twice');
  });
});

describe('limits of nodes in a simulation', () => {
  it('turn away what is too much, and what is let in is served', async () => {
    for (const { record, inflightLeft, label } of await play({
      ...{ duration: 6, rate: 1000, timeout: 500, upstream: { node_limit: { max: 4 } } },
      nodes: [{ name: 'web', count: 4, capacity: 4, latency: { median: 30, p99: 60 } }],
    })) {
      assert.ok(record.failures.full > 1000, `${label}: ${record.failures.full}`);
      assert.deepEqual([record.failed - record.failures.full, record.lost, inflightLeft], [0, 0, 0], label);
      assert.ok(record.requests - record.failed > 1500, `${label}: ${record.requests - record.failed} served`);
    }
  });
});

describe('report', () => {
  it('has a column for each variant, under its name', async () => {
    const scenario: Scenario = {
      ...SCENARIO,
      compare: ['roundrobin', { label: 'hashed', type: 'chash', bounded_load: true }],
    };
    const runs = await play(scenario);
    const [title, , header, ...rows] = reportText(scenario, runs).trimEnd().split('\n');
    assert.equal(title, 'all at once: 8 s, 400 requests/s, 2 workers, seed 7');
    assert.deepEqual(header!.trim().split(/ +/), ['roundrobin', 'hashed']);
    assert.equal(new Set(rows.map((row) => row.length)).size, 1, 'all lines are as long');
    assert.equal(rows.length, reportRows(scenario, runs).length);
  });

  it('tells what failed and why, what was done about it, and when traffic followed', async () => {
    const scenario: Scenario = {
      ...{ duration: 10, rate: 200, compare: ['roundrobin'], upstream: { checks: { active: { type: 'tcp' } } } },
      nodes: [{ name: 'web', count: 4 }, { name: 'odd' }],
      events: [
        { at: 2, node: 'odd', fail: { kind: 'refuse' } },
        { at: 6, node: 'odd', fail: { kind: 'error', ratio: 0.5 } },
        { at: 8, node: 'web', count: 2, action: 'remove' },
      ],
    };
    const rows = new Map(
      (await play(scenario)).flatMap((run) => reportRows(scenario, [run]).map(([name, value]) => [name, value])),
    );
    const failed = Number(rows.get('  failing answer'));
    assert.ok(failed > 5);
    assert.equal(rows.get('failed'), `${failed} (${((failed / Number(rows.get('requests'))) * 100).toFixed(2)} %)`);
    assert.match(rows.get('last failure after')!, /^\d+\.\d s$/);
    assert.equal(rows.get('failed needlessly'), '0');
    assert.equal(rows.get('failed checks'), '1');
    assert.equal(rows.get('odd left at 2.0 s'), '0.0 s');
    assert.match(rows.get('web left (2 times)')!, /^0\.\d s$/);
    assert.match(rows.get('share of 2 web')!, /%$/);
    assert.match(rows.get('share of odd')!, /%$/);
    assert.equal(rows.has('breaker opened'), false);
  });
});
