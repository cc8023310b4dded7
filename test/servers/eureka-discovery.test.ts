import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { EurekaDiscovery } from '../../src/discovery/eureka.ts';
import type { EurekaOptions } from '../../src/discovery/eureka-options.ts';
import type { ServiceQuery } from '../../src/discovery/types.ts';
import { DEFAULT_EUREKA } from '../support/discovery-defaults.ts';
import { Follower } from '../support/discovery-follower.ts';
import { EUREKA_COMMAND, EurekaServer, eurekaJar, RESPONSE_CACHE_MS } from '../support/eureka.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

const INTERVAL_MS = 100;

function query(service: string, args: Record<string, string> = {}): ServiceQuery {
  return { source: 'eureka', service, args };
}

function follow(servers: readonly string[], options: Partial<EurekaOptions> = {}, emptyHold?: number): Follower {
  const log = new RecordingLog();
  const settings = { ...DEFAULT_EUREKA, servers, fetchInterval: INTERVAL_MS, ...options };
  const eureka = new EurekaDiscovery(settings, { clock: systemClock, random: systemRandom }, log);
  return new Follower(eureka, log, emptyHold);
}

function report(test: TestContext, what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1] ?? 0;
  const bound = `interval ${INTERVAL_MS} ms, cache of the server ${RESPONSE_CACHE_MS} ms`;
  test.diagnostic(`${what}: median ${median.toFixed(0)} ms, slowest ${times.at(-1)?.toFixed(0)} ms (${bound})`);
}

serverSuite('a real Eureka', eurekaJar(), EUREKA_COMMAND, (jar) => {
  let eureka: EurekaServer;
  let follower: Follower;

  before(async () => {
    eureka = await EurekaServer.start(jar);
  });
  after(() => eureka?.stop());
  beforeEach(() => {
    follower = follow([eureka.address]);
  });
  afterEach(() => follower.close());

  it('shows what registers and deregisters', async (test) => {
    const web = query('latency');
    follower.sets.want([web]);
    await follower.count(web, 0);
    const up: number[] = [];
    const down: number[] = [];
    for (let round = 0; round < 10; round++) {
      let start = performance.now();
      await eureka.register('latency', 9000);
      await follower.count(web, 1);
      up.push(performance.now() - start);
      start = performance.now();
      await eureka.deregister('latency', 9000);
      await follower.count(web, 0);
      down.push(performance.now() - start);
    }
    report(test, 'register → node set', up);
    report(test, 'deregister → node set', down);
  });

  it('carries weight, zone and metadata, and the plain port', async () => {
    const metadata = { weight: '7', zone: 'z1', 'management.port': '9901' };
    await eureka.register('rich', 9001, { metadata, securePort: 9443 });
    follower.sets.want([query('RICH'), query('rich', { port: 'secure' })]);
    const { nodes } = await follower.count(query('RICH'), 1);
    assert.deepEqual(nodes, [{ host: '127.0.0.1', port: 9001, weight: 7, priority: 0, metadata, tags: [] }]);
    assert.equal((await follower.count(query('rich', { port: 'secure' }), 1)).nodes[0]?.port, 9443);
  });

  it('takes the secure port where the plain one is off', async () => {
    await eureka.register('tls', 9002, { plain: false, securePort: 9444 });
    follower.sets.want([query('tls')]);
    assert.equal((await follower.count(query('tls'), 1)).nodes[0]?.port, 9444);
  });

  it('takes out an instance whose status is overridden, and brings it back', async () => {
    await eureka.register('over', 9003);
    await eureka.register('over', 9004);
    follower.sets.want([query('over')]);
    await follower.count(query('over'), 2);
    await eureka.send('PUT', 'over/over-9003/status?value=OUT_OF_SERVICE');
    assert.equal((await follower.count(query('over'), 1)).nodes[0]?.port, 9004);
    await eureka.send('DELETE', 'over/over-9003/status?value=UP');
    await follower.count(query('over'), 2);
  });

  it('gives no traffic to an instance that is starting or down', async () => {
    for (const [port, status] of ['STARTING', 'DOWN', 'UNKNOWN', 'UP'].entries()) {
      await eureka.register('states', 9010 + port, { status });
    }
    follower.sets.want([query('states')]);
    const { nodes } = await follower.until(query('states'), (set) => set.nodes.length > 0);
    assert.deepEqual(
      nodes.map(({ port }) => port),
      [9013],
    );
    await eureka.register('states', 9010, { status: 'UP' });
    await follower.count(query('states'), 2);
  });

  it('lists the catalogue with the routing options of the instances', async () => {
    await eureka.register('routed', 9005, { metadata: { 'headgate.host': 'api.example.com' } });
    follower.catalogs.want(['eureka']);
    await follower.listed('ROUTED', 'headgate.host=api.example.com');
  });

  it('goes over to the next server when one is not there, and fails with words when there is none', async () => {
    await eureka.register('moved', 9006);
    const other = follow(['http://127.0.0.1:1', eureka.address]);
    const lost = follow(['http://127.0.0.1:1'], {});
    const wrong = follow([eureka.address], { prefix: '/nothing/' });
    try {
      for (const each of [other, lost, wrong]) each.sets.want([query('moved')]);
      await other.count(query('moved'), 1);
      const failed = await lost.until(query('moved'), (set) => set.state === 'failed');
      assert.match(failed.reason ?? '', /Eureka at http:\/\/127\.0\.0\.1:1: can't be asked: .*ECONNREFUSED/);
      const unknown = await wrong.until(query('moved'), (set) => set.state === 'failed');
      assert.match(unknown.reason ?? '', /answered 404: .*discovery\.eureka\.prefix/);
    } finally {
      for (const each of [other, lost, wrong]) await each.close();
    }
  });
});

serverSuite('a real Eureka that preserves itself', eurekaJar(), EUREKA_COMMAND, (jar) => {
  it('is seen to list instances that no longer renew', async () => {
    const eureka = await EurekaServer.start(jar, true);
    const follower = follow([eureka.address], { leaseSlack: 2_000 });
    try {
      for (const port of [9000, 9001]) await eureka.register('web', port, { lease: 1 });
      follower.sets.want([query('web')]);
      const overdue = (set: { nodes: readonly { metadata: Record<string, string> }[] }) =>
        set.nodes.length === 2 && set.nodes.every(({ metadata }) => metadata['eureka.lease'] === 'overdue');
      await follower.until(query('web'), overdue);
      const event = follower.log.events.find((each) => each.event === 'discovery.self-preservation');
      assert.match(event?.message ?? '', /^eureka: \d of 2 instances no longer renew their lease/);
    } finally {
      await follower.close();
      await eureka.stop();
    }
  });
});

serverSuite('a real Eureka that goes away', eurekaJar(), EUREKA_COMMAND, (jar) => {
  let eureka: EurekaServer;
  let follower: Follower;

  before(async () => {
    eureka = await EurekaServer.start(jar);
  });
  after(() => eureka?.stop());
  beforeEach(async () => {
    follower = follow([eureka.address], {}, 3_000);
    for (const port of [9000, 9001]) await eureka.register('web', port);
    follower.sets.want([query('web')]);
    await follower.count(query('web'), 2);
  });
  afterEach(() => follower.close());

  it('leaves the set as it was, is held when it comes back empty, and gives way after the hold', async () => {
    await eureka.kill();
    const stale = await follower.until(query('web'), (set) => set.state === 'stale');
    assert.equal(stale.nodes.length, 2);
    await eureka.restart();
    const held = await follower.until(query('web'), (set) => set.state === 'held');
    assert.equal(held.nodes.length, 2);
    assert.match(held.reason ?? '', /2 → 0 nodes after .*held until/);
    const gone = await follower.count(query('web'), 0);
    assert.equal(gone.reason, null);
  });
});
