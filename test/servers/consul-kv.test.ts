import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { ConsulKvDiscovery } from '../../src/discovery/consul-kv.ts';
import { CONSUL_COMMAND, type ConsulServer, consulBinary, startConsul } from '../support/consul.ts';
import { DEFAULT_CONSUL_KV } from '../support/discovery-defaults.ts';
import { Follower, reportTimes } from '../support/discovery-follower.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('node lists in a real Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  let consul: ConsulServer;
  let follower: Follower;

  before(async () => {
    consul = await startConsul(binary);
  });
  after(() => consul?.stop());
  beforeEach(() => {
    const log = new RecordingLog();
    const options = { ...DEFAULT_CONSUL_KV, servers: [consul.address] };
    const tools = { clock: systemClock, random: systemRandom };
    follower = new Follower(new ConsulKvDiscovery(options, tools, log), log, 3_000);
  });
  afterEach(() => follower.close());

  const put = (key: string, value: unknown) => consul.put(`/v1/kv/upstreams/${key}`, value);
  const remove = async (key: string) => {
    const response = await fetch(`${consul.address}/v1/kv/upstreams/${key}`, { method: 'DELETE' });
    assert.equal(response.status, 200);
  };

  it('shows keys that are put and deleted, from none on and back to none', async (test) => {
    const web = follower.query('web');
    follower.sets.want([web]);
    await follower.count(web, 0);
    const up: number[] = [];
    const down: number[] = [];
    for (let round = 0; round < 6; round++) {
      let start = performance.now();
      await Promise.all([put('web/10.0.0.1:80', { weight: 2, max_fails: 2 }), follower.count(web, 1)]);
      up.push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 250));
      start = performance.now();
      await Promise.all([remove('web/10.0.0.1:80'), follower.count(web, 0)]);
      down.push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    reportTimes(test, 'put → node set', up);
    reportTimes(test, 'delete → node set', down);
  });

  it('reads lists, and lists services with their tags', async () => {
    await put('shop', [{ targets: ['10.0.0.1:80', '10.0.0.2:80'], labels: { headgate_host: 'shop.test' } }]);
    await put('team/api/10.0.0.3:80', 5);
    const [shop, api] = [follower.query('shop'), follower.query('team/api')];
    follower.sets.want([shop, api]);
    await follower.count(shop, 2);
    assert.equal((await follower.count(api, 1)).nodes[0]?.weight, 5);
    follower.catalogs.want(['consul_kv']);
    while (follower.catalogs.get('consul_kv')?.state !== 'ok') await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(follower.catalogs.get('consul_kv')?.entries, [
      { service: 'shop', tags: ['headgate.host=shop.test'] },
      { service: 'team/api', tags: [] },
    ]);
  });

  it('keeps the nodes while Consul is gone, holds back an empty store, and gives way after the hold', async () => {
    const web = follower.query('lost');
    follower.sets.want([web]);
    await put('lost', ['10.0.0.1:80', '10.0.0.2:80']);
    await follower.count(web, 2);
    await consul.kill();
    assert.equal((await follower.until(web, (set) => set.state === 'stale')).nodes.length, 2);
    await consul.restart();
    assert.equal((await follower.until(web, (set) => set.state === 'held')).nodes.length, 2);
    await follower.count(web, 0);
    await put('lost', ['10.0.0.3:80']);
    await follower.count(web, 1);
  });
});

serverSuite('node lists in a real Consul with ACLs', consulBinary(), CONSUL_COMMAND, (binary) => {
  const token = '11111111-2222-3333-4444-555555555555';
  const acl = { enabled: true, default_policy: 'deny', tokens: { initial_management: token, agent: token } };
  let consul: ConsulServer;

  before(async () => {
    consul = await startConsul(binary, { config: { acl }, token });
    await consul.put('/v1/kv/upstreams/web', ['10.0.0.1:80']);
  });
  after(() => consul?.stop());

  for (const [who, given, reason] of [
    ['the token', token, null],
    ['no token', null, /left the keys out|answered 403/],
    ['a token that is not known', 'ffffffff-2222-3333-4444-555555555555', /answered 403: .*ACL/],
  ] as const) {
    it(`${reason === null ? 'shows the nodes to' : 'says what is missing with'} ${who}`, async () => {
      const options = {
        ...DEFAULT_CONSUL_KV,
        servers: [consul.address],
        token: given === null ? null : { text: given },
      };
      const tools = { clock: systemClock, random: systemRandom };
      const follower = new Follower(new ConsulKvDiscovery(options, tools, new RecordingLog()));
      try {
        const web = follower.query('web');
        follower.sets.want([web]);
        if (reason === null) await follower.count(web, 1);
        else assert.match((await follower.until(web, ({ state }) => state === 'failed')).reason ?? '', reason);
      } finally {
        await follower.close();
      }
    });
  }
});
