import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpstreamView } from '../../src/admin/views.ts';
import { CONSUL_COMMAND, type ConsulServer, consulBinary, startConsul } from '../support/consul.ts';
import { reportTimes } from '../support/discovery-follower.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { Load } from '../support/load.ts';
import { NodeProcess } from '../support/node-process.ts';
import { RouteTimer, took } from '../support/route-timer.ts';
import { serverSuite } from '../support/server-suite.ts';

const ROUNDS = 20;
const KEY = 'a-key-for-tests-only';
/** Outlasts the test: what is held is let through by hand. */
const EMPTY_HOLD = 600;

serverSuite('a gateway on a real Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  let consul: ConsulServer;
  let headgate: HeadgateProcess;
  let first: NodeProcess;
  let second: NodeProcess;

  const register = (node: NodeProcess) =>
    consul.put('/v1/agent/service/register', {
      ID: node.name,
      Name: 'web',
      Address: '127.0.0.1',
      Port: node.port,
      Tags: ['headgate.path=/'],
      Check: { TCP: `127.0.0.1:${node.port}`, Interval: '1s', Status: 'passing' },
    });
  const deregister = (node: NodeProcess) => consul.put(`/v1/agent/service/deregister/${node.name}`);
  const url = () => `http://127.0.0.1:${headgate.httpPort}/`;
  const upstream = async () => (await headgate.admin<UpstreamView[]>('/v1/upstreams'))[0];

  /** Lets through what is held of the catalogue: nobody offers the service any more. The status of the answer. */
  const release = async () => {
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
    const body = JSON.stringify({ source: 'consul', service: null });
    return (await fetch(`${headgate.adminUrl}/v1/discovery/release`, { method: 'POST', headers, body })).status;
  };

  /** Resolves when the answers of the load satisfy the condition. */
  const untilAnswered = async (condition: (counts: Map<string, number>) => boolean) => {
    const counts = new Map<string, number>();
    const load = new Load(url(), 4, (body) => counts.set(body, (counts.get(body) ?? 0) + 1));
    while (!condition(counts)) await load.more(5);
    const result = await load.stop();
    assert.deepEqual(result.failures, []);
  };

  before(async () => {
    consul = await startConsul(binary);
    headgate = await HeadgateProcess.start(
      {
        listen: ['127.0.0.1:0'],
        admin: { address: '127.0.0.1:0', key: KEY },
        workers: 2,
        discovery: { consul: { servers: [consul.address] }, guard: { empty_hold: EMPTY_HOLD } },
        shutdown: { delay: 0, drain: 2 },
      },
      [],
    );
    first = await NodeProcess.start('first');
    second = await NodeProcess.start('second');
  });

  after(async () => {
    await headgate?.stop();
    await consul?.stop();
    await first?.kill();
    await second?.kill();
  });

  it('routes a service by its tag, with no route in the configuration', async () => {
    assert.equal((await fetch(url())).status, 404);
    await register(first);
    await register(second);
    await headgate.event('route.added');
    while ((await upstream())?.nodes.length !== 2) await pause(10);
    await untilAnswered((counts) => (counts.get('first') ?? 0) > 10 && (counts.get('second') ?? 0) > 10);
    assert.deepEqual(await headgate.admin('/readyz'), { ready: true, reasons: [] });
  });

  it(`follows ${ROUNDS} registrations and deregistrations under load without a failed request`, async (t) => {
    const timer = new RouteTimer(url());
    const inn: number[] = [];
    const out: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const gone = async () => (await upstream())?.nodes.length === 1;
      out.push(took(await timer.goesOut('second', () => deregister(second), gone)));
      await timer.rest();
      inn.push(took(await timer.comesIn('second', () => register(second))));
      await timer.rest();
    }
    const result = await timer.stop();
    reportTimes(t, 'register → first request', inn);
    reportTimes(t, 'deregister → last request', out);
    assert.deepEqual(result.failures, []);
  });

  it('answers every GET while a node is killed', async () => {
    const load = new Load(url(), 16);
    await load.more(500);
    const { port } = second;
    await second.kill();
    await load.more(2000);
    second = await NodeProcess.start('second', port);
    await load.more(500);
    const result = await load.stop();
    assert.deepEqual(result.failures, []);
    await untilAnswered((counts) => (counts.get('second') ?? 0) > 5);
  });

  it('goes on without Consul, says how old its knowledge is, and holds what an empty one says', async () => {
    const load = new Load(url(), 4);
    await consul.kill();
    const lost = headgate.events.length;
    await headgate.event('discovery.source-lost');
    await load.more(500);
    while (((await upstream())?.age_seconds ?? 0) < 2) await pause(100);
    const stale = await upstream();
    assert.equal(stale?.state, 'stale');
    assert.equal(stale?.nodes.length, 2);
    assert.match(stale?.reason ?? '', /ECONNREFUSED/);

    await consul.restart();
    // One watch may be back while another still waits for its next try.
    while ((await upstream())?.state !== 'held') await pause(20);
    await load.more(200);
    const held = await upstream();
    assert.equal(held?.nodes.length, 2);
    const result = await load.stop();
    assert.deepEqual(result.failures, []);

    while ((await release()) !== 200) await pause(20);
    await headgate.event('route.withdrawn', lost);
    // The control thread's log is ahead of the workers by the time of a message.
    while ((await fetch(url())).status !== 404) await pause(20);
    await register(first);
    await headgate.event('route.added', lost);
    while ((await (await fetch(url())).text()) !== 'first') await pause(20);
  });
});
