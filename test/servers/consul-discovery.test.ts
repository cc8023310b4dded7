import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { Catalogs } from '../../src/discovery/catalogs.ts';
import { ConsulDiscovery } from '../../src/discovery/consul.ts';
import type { ConsulOptions } from '../../src/discovery/consul-options.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import type { NodeSet, ServiceQuery } from '../../src/discovery/types.ts';
import { CONSUL_COMMAND, type ConsulServer, consulBinary, startConsul } from '../support/consul.ts';
import { DEFAULT_CONSUL, DEFAULT_GUARD } from '../support/discovery-defaults.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

function query(service: string, args: Record<string, string> = {}): ServiceQuery {
  return { source: 'consul', service, args };
}

/** Everything between a registry and its node sets, as the control thread puts it together. */
class Follower {
  readonly log = new RecordingLog();
  readonly sets: NodeSets;
  readonly catalogs: Catalogs;
  readonly #consul: ConsulDiscovery;

  constructor(options: Partial<ConsulOptions> & { readonly servers: readonly string[] }, emptyHold = 60_000) {
    const { log } = this;
    const clock = systemClock;
    const cache = new LastGoodCache(null, clock, log);
    this.#consul = new ConsulDiscovery({ ...DEFAULT_CONSUL, ...options }, { clock, random: systemRandom }, log);
    const discoveries = new Map([['consul', this.#consul]]);
    const parts = { discoveries, guard: { ...DEFAULT_GUARD, emptyHold }, cache, clock, log };
    this.sets = new NodeSets(parts);
    this.catalogs = new Catalogs(parts);
  }

  /** Resolves as soon as what is known of the service is as wanted. */
  until(wanted: ServiceQuery, good: (set: NodeSet) => boolean): Promise<NodeSet> {
    const now = this.sets.get(wanted);
    if (now && good(now)) return Promise.resolve(now);
    return new Promise((resolve) => {
      const stop = this.sets.onChange((set) => {
        if (set !== this.sets.get(wanted) && set.query.service !== wanted.service) return;
        if (!good(set)) return;
        stop();
        resolve(set);
      });
    });
  }

  count(wanted: ServiceQuery, nodes: number): Promise<NodeSet> {
    return this.until(wanted, (set) => set.state === 'ok' && set.nodes.length === nodes);
  }

  async close(): Promise<void> {
    const deadline = systemClock.now() + 5_000;
    await Promise.all([this.sets.close(deadline), this.catalogs.close(deadline)]);
    await this.#consul.close();
  }
}

function instance(service: string, port: number, rest: Record<string, unknown> = {}): Record<string, unknown> {
  return { Name: service, ID: `${service}-${port}`, Address: '127.0.0.1', Port: port, ...rest };
}

function report(test: TestContext, what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  test.diagnostic(`${what}: median ${median.toFixed(1)} ms, slowest ${times.at(-1)?.toFixed(1)} ms`);
}

serverSuite('a real Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  let consul: ConsulServer;
  let follower: Follower;

  before(async () => {
    consul = await startConsul(binary);
  });
  after(() => consul?.stop());
  beforeEach(() => {
    follower = new Follower({ servers: [consul.address] });
  });
  afterEach(() => follower.close());

  const register = (body: unknown) => consul.put('/v1/agent/service/register', body);

  it('shows what registers and deregisters', async (test) => {
    const web = query('latency');
    follower.sets.want([web]);
    const empty = await follower.count(web, 0);
    assert.deepEqual(empty.nodes, []);
    const up: number[] = [];
    const down: number[] = [];
    for (let round = 0; round < 10; round++) {
      let start = performance.now();
      await register(instance('latency', 9000));
      await follower.count(web, 1);
      up.push(performance.now() - start);
      start = performance.now();
      await consul.put('/v1/agent/service/deregister/latency-9000');
      await follower.count(web, 0);
      down.push(performance.now() - start);
      // Slower than what is merged, and than the floor between questions.
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    report(test, 'register → node set', up);
    report(test, 'deregister → node set', down);
  });

  it('carries weights, tags and metadata', async () => {
    await register(
      instance('rich', 9001, { Tags: ['headgate.path=/'], Meta: { zone: 'z1' }, Weights: { Passing: 5, Warning: 2 } }),
    );
    follower.sets.want([query('rich')]);
    const { nodes } = await follower.count(query('rich'), 1);
    const { metadata, ...rest } = nodes[0]!;
    assert.deepEqual(rest, { host: '127.0.0.1', port: 9001, weight: 5, priority: 0, tags: ['headgate.path=/'] });
    assert.equal(metadata.zone, 'z1');
    assert.equal(metadata.datacenter, 'dc1');
  });

  it('takes a node out whose check is critical, and brings it back', async () => {
    const checked = query('checked');
    follower.sets.want([checked]);
    await register(instance('checked', 9002));
    await register(instance('checked', 9003, { Check: { CheckID: 'c', TTL: '60s', Status: 'passing' } }));
    await follower.count(checked, 2);
    await consul.put('/v1/agent/check/fail/c');
    assert.equal((await follower.count(checked, 1)).nodes[0]?.port, 9002);
    await consul.put('/v1/agent/check/pass/c');
    await follower.count(checked, 2);
    await consul.put('/v1/agent/service/maintenance/checked-9002?enable=true');
    assert.equal((await follower.count(checked, 1)).nodes[0]?.port, 9003);
  });

  it('takes an instance that warns only where it was told to, with its lower weight', async () => {
    await register(
      instance('warns', 9004, {
        Check: { CheckID: 'w', TTL: '60s', Status: 'passing' },
        Weights: { Passing: 10, Warning: 1 },
      }),
    );
    await consul.put('/v1/agent/check/warn/w');
    const lenient = new Follower({ servers: [consul.address], passingOnly: false });
    try {
      lenient.sets.want([query('warns')]);
      follower.sets.want([query('warns')]);
      assert.equal((await lenient.count(query('warns'), 1)).nodes[0]?.weight, 1);
      await follower.count(query('warns'), 0);
    } finally {
      await lenient.close();
    }
  });

  it('filters by tags', async () => {
    await register(instance('tagged', 9005, { Tags: ['blue', 'v2'] }));
    await register(instance('tagged', 9006, { Tags: ['green', 'v2'] }));
    const blue = query('tagged', { tag: 'blue,v2' });
    follower.sets.want([blue]);
    assert.equal((await follower.count(blue, 1)).nodes[0]?.port, 9005);
  });

  it('works with stale and cached reads', async () => {
    const other = new Follower({ servers: [consul.address], consistency: 'stale', cached: true });
    try {
      other.sets.want([query('cached')]);
      await other.count(query('cached'), 0);
      await register(instance('cached', 9007));
      await other.count(query('cached'), 1);
    } finally {
      await other.close();
    }
  });

  it('lists the catalogue and follows it', async () => {
    const listed = (service: string) =>
      new Promise<void>((resolve) => {
        const stop = follower.catalogs.onChange((catalog) => {
          if (!catalog.entries.some((entry) => entry.service === service && entry.tags.includes('t'))) return;
          stop();
          resolve();
        });
      });
    const seen = listed('listed');
    follower.catalogs.want(['consul']);
    await register(instance('listed', 9008, { Tags: ['t'] }));
    await seen;
    assert.ok(!follower.catalogs.get('consul')?.entries.some((entry) => entry.service === 'consul'));
  });

  it('fails with words for a datacentre that is not there', async () => {
    const lost = query('web', { datacenter: 'nowhere' });
    follower.sets.want([lost]);
    const set = await follower.until(lost, (each) => each.state === 'failed');
    assert.match(set.reason ?? '', /answered 500.*No path to datacenter/);
  });

  it('goes over to the next server when one is not there', async () => {
    const gone = await startConsul(binary);
    await gone.stop();
    const other = new Follower({ servers: [gone.address, consul.address] });
    try {
      await register(instance('moved', 9009));
      other.sets.want([query('moved')]);
      await other.count(query('moved'), 1);
    } finally {
      await other.close();
    }
  });
});

serverSuite('a real Consul that goes away', consulBinary(), CONSUL_COMMAND, (binary) => {
  let consul: ConsulServer;
  let follower: Follower;

  beforeEach(async () => {
    consul = await startConsul(binary);
    follower = new Follower({ servers: [consul.address] }, 3_000);
    for (const port of [9000, 9001]) await consul.put('/v1/agent/service/register', instance('web', port));
    follower.sets.want([query('web')]);
    await follower.count(query('web'), 2);
  });
  afterEach(async () => {
    await follower?.close();
    await consul?.stop();
  });

  it('leaves the set as it was, then follows the one that comes back', async () => {
    await consul.kill();
    const stale = await follower.until(query('web'), (set) => set.state === 'stale');
    assert.equal(stale.nodes.length, 2);
    assert.match(stale.reason ?? '', /Consul at http:\/\/127\.0\.0\.1:\d+ can't be asked/);
    await consul.restart();
    for (const port of [9000, 9001, 9002]) await consul.put('/v1/agent/service/register', instance('web', port));
    const back = await follower.until(query('web'), (set) => set.state === 'ok' && set.nodes.length === 3);
    assert.equal(back.reason, null);
    await consul.put('/v1/agent/service/deregister/web-9000');
    await follower.count(query('web'), 2);
  });

  it('is held when it comes back empty, and gives way after the hold', async () => {
    await consul.kill();
    await follower.until(query('web'), (set) => set.state === 'stale');
    await consul.restart();
    const held = await follower.until(query('web'), (set) => set.state === 'held');
    assert.equal(held.nodes.length, 2);
    assert.match(held.reason ?? '', /2 → 0 nodes after .*held until/);
    const gone = await follower.count(query('web'), 0);
    assert.equal(gone.reason, null);
    const names = follower.log.names.filter((name) => /held|expired/.test(name));
    assert.deepEqual(names, ['discovery.held', 'discovery.expired']);
  });
});

serverSuite('a real Consul with ACLs', consulBinary(), CONSUL_COMMAND, (binary) => {
  const token = '11111111-2222-3333-4444-555555555555';
  const acl = { enabled: true, default_policy: 'deny', tokens: { initial_management: token, agent: token } };
  let consul: ConsulServer;

  before(async () => {
    consul = await startConsul(binary, { config: { acl }, token });
    await consul.put('/v1/agent/service/register', instance('web', 9000));
  });
  after(() => consul?.stop());

  it('shows the service to the token, and says so when the token is not known', async () => {
    const good = new Follower({ servers: [consul.address], token: { text: token } });
    const bad = new Follower({ servers: [consul.address], token: { text: 'ffffffff-2222-3333-4444-555555555555' } });
    try {
      good.sets.want([query('web')]);
      bad.sets.want([query('web')]);
      await good.count(query('web'), 1);
      const refused = await bad.until(query('web'), (set) => set.state === 'failed');
      assert.match(refused.reason ?? '', /answered 403: .*discovery\.consul\.token.*ACL not found/);
    } finally {
      await good.close();
      await bad.close();
    }
  });

  it('says so when a token may not read the service', async () => {
    const weak = '99999999-2222-3333-4444-555555555555';
    await consul.put('/v1/acl/token', { SecretID: weak, Description: 'may read nothing' });
    const follower = new Follower({ servers: [consul.address], token: { text: weak } });
    try {
      follower.sets.want([query('web')]);
      const hidden = await follower.until(query('web'), (set) => set.state === 'failed');
      assert.match(hidden.reason ?? '', /service:read and node:read/);
    } finally {
      await follower.close();
    }
  });
});
