import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import { HealthMonitor } from '../../src/health/monitor.ts';
import type { Probe } from '../../src/health/types.ts';
import { settle } from '../support/fake-clock.ts';
import { planOf, Rig, target } from './scripted-probes.ts';

describe('health monitor: schedule', () => {
  it('probes at once when nothing of the upstream is known', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a'), target('u|b')]);
    await settle();
    assert.deepEqual([rig.probesOf('a'), rig.probesOf('b')], [[0], [0]]);
  });

  it('goes on at the healthy interval, give or take its jitter', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a')]);
    await rig.clock.run(1_000_000);
    const times = rig.probesOf('a');
    const gaps = times.slice(1).map((at, index) => at - times[index]!);
    assert.ok(gaps.length >= 90 && gaps.length <= 110, `${gaps.length} probes`);
    assert.ok(Math.min(...gaps) >= 8500 && Math.max(...gaps) <= 11_505, `${Math.min(...gaps)} – ${Math.max(...gaps)}`);
    assert.ok(Math.max(...gaps) - Math.min(...gaps) > 1500, 'there is jitter');
  });

  it('goes on at the unhealthy interval while the node is unhealthy', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'tcp');
    rig.monitor.track([target('u|a')]);
    await rig.clock.run(12_000);
    assert.equal(rig.health('u|a'), 'unhealthy');
    const before = rig.asked.length;
    await rig.clock.run(10_000);
    const probes = rig.asked.length - before;
    assert.ok(probes >= 8 && probes <= 12, `${probes} probes in ten intervals`);
    rig.answers.set('a', 'success');
    await rig.clock.run(4000);
    assert.equal(rig.health('u|a'), 'healthy');
  });

  it('spreads the first probes of newcomers over the interval when their upstream is known to work', async () => {
    const rig = new Rig();
    const plan = planOf({ healthy: { successes: 1 } });
    rig.monitor.track([target('u|a', plan)]);
    await rig.clock.run(50);
    const newcomers = Array.from({ length: 100 }, (_, index) => target(`u|n${index}`, plan));
    rig.monitor.track([target('u|a', plan), ...newcomers, target('other|x', plan)]);
    await settle();
    assert.deepEqual(
      rig.asked.slice(1).map((asked) => asked.host),
      ['x'],
      'only the other upstream is in a hurry',
    );
    const start = rig.clock.now();
    await rig.clock.run(10_000);
    const firsts = newcomers.map(({ address }) => rig.probesOf(address.host)[0]! - start);
    assert.ok(firsts.every((wait) => wait >= 0 && wait <= 10_005));
    for (const tenth of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      const count = firsts.filter((wait) => Math.floor(wait / 1000) === tenth).length;
      assert.ok(count >= 2 && count <= 25, `${count} of 100 in one tenth of the interval`);
    }
  });

  it('never has two probes of one target under way', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'hang');
    rig.monitor.track([target('u|a')]);
    await rig.clock.run(100_000);
    assert.deepEqual(rig.probesOf('a'), [0]);
    await rig.finish('a', 'timeout');
    await rig.clock.run(10);
    assert.deepEqual(rig.probesOf('a').length, 2, 'what is overdue runs at once');
    await rig.finish('a', 'timeout');
    await rig.clock.run(8000);
    assert.deepEqual(rig.probesOf('a').length, 2, 'and once only');
  });

  it('uses one timer for any number of targets', async () => {
    const rig = new Rig();
    const plan = planOf();
    rig.monitor.track(Array.from({ length: 2000 }, (_, index) => target(`u${index % 50}|n${index}`, plan)));
    await rig.clock.run(1000);
    assert.equal(rig.asked.length, 2000);
    assert.equal(rig.made, 1, 'one probe serves every node of a plan');
    assert.equal(rig.clock.pending, 1);
    await rig.clock.run(100_000);
    assert.equal(rig.clock.pending, 1);
    assert.ok(rig.asked.length > 18_000 && rig.asked.length < 24_000, `${rig.asked.length} probes in ten intervals`);
  });
});

describe('health monitor: concurrency', () => {
  it('is capped for each upstream, and the next begins when one ends', async () => {
    const rig = new Rig();
    const plan = planOf({ concurrency: 2 });
    const targets = ['a', 'b', 'c', 'd', 'e'].map((host) => target(`u|${host}`, plan));
    for (const { address } of targets) rig.answers.set(address.host, 'hang');
    rig.monitor.track([...targets, target('v|x', plan)]);
    await settle();
    assert.deepEqual(rig.hanging, ['a', 'b']);
    assert.equal(rig.probesOf('x').length, 1, 'another upstream does not wait');
    await rig.finish('a', 'success');
    assert.deepEqual(rig.hanging, ['b', 'c']);
    await rig.finish('c', 'success');
    await rig.finish('b', 'success');
    assert.deepEqual(rig.hanging, ['d', 'e']);
  });

  it('is capped over all, and the upstreams take turns', async () => {
    const rig = new Rig();
    const targets = [];
    const plan = planOf({ concurrency: 30 });
    for (let group = 0; group < 10; group++) {
      for (let node = 0; node < 40; node++) targets.push(target(`u${group}|g${group}n${node}`, plan));
    }
    for (const { address } of targets) rig.answers.set(address.host, 'hang');
    rig.monitor.track(targets);
    await settle();
    assert.equal(rig.hanging.length, 256);
    for (let group = 0; group < 10; group++) {
      const running = rig.hanging.filter((host) => host.startsWith(`g${group}n`)).length;
      assert.ok(running >= 25 && running <= 26, `upstream ${group} has ${running}`);
    }
    while (rig.hanging.length > 0) await rig.finish(rig.hanging[0]!, 'success');
    assert.equal(new Set(rig.asked.map((asked) => asked.host)).size, 400);
    assert.equal(rig.most, 256);
  });

  it('is given back by targets that leave while they are probed or wait', async () => {
    const rig = new Rig();
    const plan = planOf({ concurrency: 1 });
    const all = ['a', 'b', 'c'].map((host) => target(`u|${host}`, plan));
    for (const host of ['a', 'b', 'c']) rig.answers.set(host, 'hang');
    rig.monitor.track(all);
    await settle();
    rig.monitor.track(all.slice(2));
    await settle();
    assert.equal(rig.aborted, 1);
    assert.deepEqual(rig.hanging, ['c']);
    assert.deepEqual(rig.probesOf('b'), []);
  });

  it('of 0 is taken as 1', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a', planOf({ concurrency: 0 })), target('u|b', planOf({ concurrency: 0 }))]);
    await settle();
    assert.equal(rig.asked.length, 2);
  });
});

describe('health monitor: changes', () => {
  it('are told and logged once each', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a')]);
    assert.equal(rig.health('u|a'), 'unknown');
    await rig.clock.run(12_000);
    assert.deepEqual(rig.taken(), ['u|a healthy: a said success']);
    rig.answers.set('a', 'status');
    await rig.clock.run(60_000);
    assert.deepEqual(rig.taken(), ['u|a unhealthy: a said status']);
    rig.answers.set('a', 'neutral');
    await rig.clock.run(60_000);
    assert.deepEqual(rig.taken(), []);
    rig.answers.set('a', 'success');
    await rig.clock.run(60_000);
    assert.deepEqual(rig.taken(), ['u|a healthy: a said success']);
    assert.deepEqual(rig.logged, ['debug health.healthy', 'warn health.unhealthy', 'info health.healthy']);
  });

  it('are not made by a probe that throws', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'throw');
    rig.monitor.track([target('u|a')]);
    await rig.clock.run(100_000);
    assert.deepEqual(rig.taken(), []);
    assert.ok(rig.asked.length >= 8);
    assert.equal(rig.monitor.state('u|a')?.last?.detail, 'the probe failed: a fault of the probe');
  });

  it('shows the state of all targets', async () => {
    const rig = new Rig();
    rig.answers.set('b', 'tcp');
    rig.monitor.track([target('u|a'), target('u|b')]);
    await rig.clock.run(12_000);
    assert.deepEqual(
      [...rig.monitor.states()].map(({ key, health, last }) => [key, health, last?.verdict]),
      [
        ['u|a', 'healthy', 'success'],
        ['u|b', 'unhealthy', 'tcp'],
      ],
    );
    assert.equal(rig.monitor.state('u|c'), undefined);
  });
});

describe('health monitor: a list of targets that changes', () => {
  it('leaves those that stay alone: no probe more, none less, counts and health kept', async () => {
    const [rig, undisturbed] = [new Rig(), new Rig()];
    for (const each of [rig, undisturbed]) {
      each.answers.set('b', 'tcp');
      each.monitor.track([target('u|a'), target('u|b')]);
    }
    for (let round = 0; round < 100; round++) {
      rig.monitor.track([target('u|b'), target('u|a')]);
      await rig.clock.run(300);
    }
    await undisturbed.clock.run(30_000);
    assert.deepEqual(rig.probesOf('a').length, undisturbed.probesOf('a').length);
    assert.deepEqual(rig.taken(), undisturbed.taken());
    assert.equal(rig.health('u|b'), 'unhealthy');
  });

  it('never probes again what left, and says that it is not checked any more', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a'), target('u|b')]);
    await rig.clock.run(12_000);
    rig.taken();
    const before = rig.probesOf('a').length;
    rig.monitor.track([target('u|b')]);
    assert.deepEqual(rig.taken(), ['u|a unknown: no longer checked']);
    await rig.clock.run(100_000);
    assert.equal(rig.probesOf('a').length, before);
    assert.equal(rig.monitor.state('u|a'), undefined);
    assert.deepEqual(rig.taken(), []);
  });

  it('never probes again what left while it was probed', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'hang');
    rig.monitor.track([target('u|a'), target('u|b')]);
    await settle();
    rig.monitor.track([target('u|b')]);
    await rig.clock.run(100_000);
    assert.deepEqual(rig.probesOf('a'), [0]);
  });

  it('drops the answer of a probe whose target left, also when the target is back before it', async () => {
    const rig = new Rig();
    const plan = planOf({ unhealthy: { tcpFailures: 1 } });
    rig.answers.set('a', 'hang');
    rig.monitor.track([target('u|a', plan)]);
    await settle();
    rig.monitor.track([]);
    rig.monitor.track([target('u|a', plan)]);
    await settle();
    assert.equal(rig.aborted, 1);
    assert.equal(rig.underWay.get('a'), 1);
    assert.equal(rig.health('u|a'), 'unknown');
    await rig.finish('a', 'tcp');
    assert.equal(rig.health('u|a'), 'unhealthy');
  });

  it('keeps the health when the checks change, and uses the new ones', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a')]);
    await rig.clock.run(12_000);
    rig.taken();
    const slower = planOf({
      question: { path: '/new' },
      healthy: { intervalMs: 60_000 },
      unhealthy: { tcpFailures: 1 },
    });
    rig.monitor.track([target('u|a', slower)]);
    assert.deepEqual(rig.taken(), []);
    assert.equal(rig.health('u|a'), 'healthy');
    const before = rig.asked.length;
    rig.answers.set('a', 'tcp');
    await rig.clock.run(60_100);
    assert.equal((rig.asked[before]!.plan.question as { path: string }).path, '/new');
    assert.deepEqual(rig.taken(), ['u|a unhealthy: a said tcp']);
  });

  it('forgets counts that were made under other thresholds', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'tcp');
    rig.monitor.track([target('u|a', planOf({ unhealthy: { tcpFailures: 3 } }))]);
    await settle();
    rig.monitor.track([target('u|a', planOf())]);
    await settle();
    assert.equal(rig.asked.length, 2);
    assert.equal(rig.health('u|a'), 'unknown');
  });

  it('probes another port when the address changes', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a', planOf(), 80)]);
    await settle();
    rig.monitor.track([target('u|a', planOf(), 81)]);
    await settle();
    assert.equal(rig.asked.length, 2);
  });

  it('reports checks that cannot be made, and checks the others', async () => {
    const rig = new Rig();
    const targets = [target('u|a', planOf({ question: { path: 'bad' } })), target('u|b')];
    rig.monitor.track(targets);
    rig.monitor.track(targets);
    await rig.clock.run(12_000);
    assert.equal(rig.health('u|a'), 'unknown');
    assert.equal(rig.health('u|b'), 'healthy');
    assert.deepEqual(rig.logged, ['error health.bad-check', 'debug health.healthy']);
    rig.monitor.track([target('u|a'), target('u|b')]);
    await rig.clock.run(30_000);
    assert.equal(rig.health('u|a'), 'healthy');
  });
});

describe('health monitor: gate', () => {
  const gated = planOf({ gate: true });

  it('shuts out a new target until its first success, and says so before the first probe', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'hang');
    rig.monitor.track([target('u|a', gated)]);
    assert.deepEqual(rig.taken(), ['u|a pending: waits for its first success']);
    await settle();
    await rig.finish('a', 'neutral');
    assert.equal(rig.health('u|a'), 'pending');
    rig.answers.set('a', 'success');
    await rig.clock.run(12_000);
    assert.deepEqual(rig.taken(), ['u|a healthy: a said success']);
  });

  it('probes a newcomer at once, though its upstream is known to work', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a', gated)]);
    await rig.clock.run(50);
    rig.monitor.track([target('u|a', gated), target('u|b', gated)]);
    await settle();
    assert.equal(rig.health('u|b'), 'healthy');
  });

  it('shuts out what left and came back', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a', gated)]);
    await settle();
    rig.monitor.track([]);
    rig.taken();
    rig.answers.set('a', 'hang');
    rig.monitor.track([target('u|a', gated)]);
    assert.deepEqual(rig.taken(), ['u|a pending: waits for its first success']);
  });

  it('does not shut out what was there before it', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'neutral');
    rig.monitor.track([target('u|a'), target('u|b')]);
    await rig.clock.run(12_000);
    rig.taken();
    rig.monitor.track([target('u|a', gated), target('u|b', gated)]);
    await settle();
    assert.deepEqual(rig.taken(), []);
    assert.deepEqual([rig.health('u|a'), rig.health('u|b')], ['unknown', 'healthy']);
  });

  it('opens when the configuration takes it away', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'neutral');
    rig.monitor.track([target('u|a', gated)]);
    await settle();
    rig.taken();
    rig.monitor.track([target('u|a')]);
    assert.deepEqual(rig.taken(), ['u|a unknown: waits for nothing any more']);
  });

  it('lets through a target whose address is known to be good, and one that cannot be checked', async () => {
    const rig = new Rig();
    rig.monitor.track([target('u|a', gated)]);
    await settle();
    rig.taken();
    rig.monitor.track([
      target('u|a', gated),
      target('v|a', planOf({ gate: true })),
      target('u|b', planOf({ gate: true, question: { path: 'bad' } })),
    ]);
    assert.deepEqual(rig.taken(), ['v|a healthy: as for u|a']);
    assert.equal(rig.health('u|b'), 'unknown');
  });
});

describe('health monitor: intervals in transition', () => {
  it('are short until it is decided', async () => {
    const rig = new Rig();
    const plan = planOf({ fastIntervalMs: 500, unhealthy: { intervalMs: 5000, tcpFailures: 3 } });
    rig.monitor.track([target('u|a', plan)]);
    await rig.clock.run(600);
    assert.equal(rig.health('u|a'), 'healthy', 'two successes within the fast interval');
    await rig.clock.run(8000);
    assert.equal(rig.probesOf('a').length, 2);
    rig.answers.set('a', 'tcp');
    await rig.clock.run(5000);
    const [, , first, , third] = rig.probesOf('a');
    assert.equal(rig.health('u|a'), 'unhealthy');
    assert.ok(third! - first! < 1200, `${third! - first!} ms from the first failure to the last`);
    const before = rig.asked.length;
    await rig.clock.run(20_000);
    assert.ok(rig.asked.length - before <= 5, 'then the unhealthy interval');
  });
});

describe('health monitor: flap damping', () => {
  it('keeps out what falls again and again, for longer each time, and says so', async () => {
    const rig = new Rig();
    const plan = planOf({
      damping: { holdMs: 10_000, maxMs: 600_000 },
      healthy: { intervalMs: 1000, successes: 1 },
      unhealthy: { tcpFailures: 1 },
    });
    rig.monitor.track([target('u|a', plan)]);
    const outages: number[] = [];
    for (let fall = 0; fall < 4; fall++) {
      rig.answers.set('a', 'tcp');
      while (rig.health('u|a') !== 'unhealthy') await rig.clock.run(100);
      const at = rig.clock.now();
      rig.answers.set('a', 'success');
      while (rig.health('u|a') !== 'healthy') await rig.clock.run(100);
      outages.push(Math.round((rig.clock.now() - at) / 5000) * 5);
    }
    assert.deepEqual(outages, [0, 10, 20, 40]);
    assert.match(rig.messages.at(-2)!, /unhealthy: a said tcp, held for 40 s because it falls again and again$/);
  });
});

describe('health monitor: more probes than may run', () => {
  it('are reported once a minute', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'hang');
    rig.monitor.track(['a', 'b', 'c'].map((host) => target(`u|${host}`, planOf({ concurrency: 1 }))));
    await rig.clock.run(25_000);
    await rig.finish('a', 'timeout');
    assert.deepEqual(
      rig.logged.filter((line) => line.includes('behind')),
      ['warn health.behind'],
    );
    assert.equal(rig.messages[0], 'checks of upstream u begin 25 s late: raise concurrency or lower timeout');
  });

  it('are not when every one begins in time', async () => {
    const rig = new Rig();
    rig.monitor.track(Array.from({ length: 50 }, (_, index) => target(`u|${index}`)));
    await rig.clock.run(100_000);
    assert.deepEqual(
      rig.logged.filter((line) => line.includes('behind')),
      [],
    );
  });
});

describe('health monitor: shared probes', () => {
  const [a1, a2] = [() => target('u1|a'), () => target('u2|a')];

  it('ask once for two upstreams that ask the same, and tell both', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'tcp');
    rig.monitor.track([a1(), a2()]);
    await rig.clock.run(12_000);
    assert.deepEqual(rig.taken().sort(), ['u1|a unhealthy: a said tcp', 'u2|a unhealthy: a said tcp']);
    assert.equal(new Set(rig.probesOf('a')).size, rig.probesOf('a').length);
  });

  it('give a newcomer what is known', async () => {
    const rig = new Rig();
    rig.monitor.track([a1()]);
    await rig.clock.run(12_000);
    rig.taken();
    const before = rig.asked.length;
    rig.monitor.track([a1(), a2()]);
    assert.deepEqual(rig.taken(), ['u2|a healthy: as for u1|a']);
    await settle();
    assert.equal(rig.asked.length, before);
  });

  it('go on for the one when the other leaves', async () => {
    const rig = new Rig();
    rig.monitor.track([a1(), a2()]);
    await settle();
    rig.monitor.track([a2()]);
    const before = rig.asked.length;
    await rig.clock.run(12_000);
    assert.ok(rig.asked.length > before);
    assert.equal(rig.health('u2|a'), 'healthy');
  });

  it('are shared whichever way round the checks are written', async () => {
    const rig = new Rig();
    const plan = planOf();
    const turned = Object.fromEntries(Object.entries(plan).reverse()) as unknown as typeof plan;
    rig.monitor.track([target('u1|a', plan), target('u2|a', turned)]);
    await settle();
    assert.equal(rig.asked.length, 1);
  });

  it('are not shared when anything differs', async () => {
    const rig = new Rig();
    const plans = [
      planOf(),
      planOf({ question: { path: '/x' } }),
      planOf({ question: { host: 'h' } }),
      planOf({ question: { tls: { verify: true, serverName: null, ca: null } } }),
      planOf({ question: { tls: { verify: false, serverName: null, ca: null } } }),
      planOf({ question: { headers: ['A: b'] } }),
      planOf({ question: { healthyStatuses: [201] } }),
      planOf({ question: { expectBody: 'ok' } }),
      planOf({ timeoutMs: 5 }),
      planOf({ fastIntervalMs: 5 }),
      planOf({ gate: true }),
      planOf({ damping: { holdMs: 1, maxMs: 2 } }),
      planOf({ healthy: { intervalMs: 9 } }),
      planOf({ unhealthy: { timeouts: 9 } }),
    ];
    rig.monitor.track(plans.map((plan, index) => target(`u${index}|a`, plan)));
    await settle();
    assert.equal(rig.asked.length, plans.length);
  });
});

describe('health monitor: close', () => {
  it('ends every probe and timer, and nothing happens afterwards', async () => {
    const rig = new Rig();
    rig.answers.set('b', 'hang');
    rig.monitor.track([target('u|a'), target('u|b'), target('u|c', planOf({ concurrency: 1 }))]);
    await rig.clock.run(12_000);
    rig.taken();
    const before = rig.asked.length;
    await rig.monitor.close(rig.clock.now() + 1000);
    await rig.monitor.close(rig.clock.now() + 1000);
    assert.equal(rig.aborted, 1);
    assert.equal(rig.clock.pending, 0);
    rig.monitor.track([target('u|d')]);
    await rig.clock.run(100_000);
    assert.equal(rig.asked.length, before);
    assert.deepEqual(rig.taken(), []);
  });

  it('waits for probes that end slowly, at most until its deadline', async () => {
    const { clock } = new Rig();
    const deaf: Probe = { check: () => new Promise(() => {}) };
    const random = seededRandom(1);
    const monitor = new HealthMonitor({ clock, random, log: silentLog, onChange() {}, createProbe: () => deaf });
    monitor.track([target('u|a')]);
    await settle();
    let closed = false;
    void monitor.close(clock.now() + 500).then(() => {
      closed = true;
    });
    await clock.run(499);
    assert.equal(closed, false);
    await clock.run(1);
    assert.equal(closed, true);
  });

  it('may be called from within a change', async () => {
    const rig = new Rig();
    rig.answers.set('a', 'tcp');
    rig.monitor.track([target('u1|a'), target('u2|a')]);
    rig.onChange = () => void rig.monitor.close(rig.clock.now());
    await rig.clock.run(100_000);
    assert.equal(rig.changes.length, 1);
    assert.equal(rig.clock.pending, 0);
  });
});
