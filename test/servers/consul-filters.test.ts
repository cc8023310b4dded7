import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { ConsulDiscovery } from '../../src/discovery/consul.ts';
import type { ConsulOptions } from '../../src/discovery/consul-options.ts';
import { DnsDiscovery } from '../../src/discovery/dns.ts';
import type { NodeSet } from '../../src/discovery/types.ts';
import { CONSUL_COMMAND, type ConsulServer, consulBinary, startConsul } from '../support/consul.ts';
import { DEFAULT_CONSUL, DEFAULT_DNS } from '../support/discovery-defaults.ts';
import { Follower } from '../support/discovery-follower.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

const TOOLS = { clock: systemClock, random: systemRandom };

function follow(consul: ConsulServer, options: Partial<ConsulOptions> = {}): Follower {
  const log = new RecordingLog();
  const all = { ...DEFAULT_CONSUL, servers: [consul.address], pollInterval: 100, ...options };
  return new Follower(new ConsulDiscovery(all, TOOLS, log), log);
}

function instance(service: string, port: number, rest: Record<string, unknown> = {}): Record<string, unknown> {
  return { Name: service, ID: `${service}-${port}`, Address: '127.0.0.1', Port: port, ...rest };
}

function ports({ nodes }: NodeSet): number[] {
  return nodes.map(({ port }) => port).sort((a, b) => a - b);
}

serverSuite('the filters of a real Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  let consul: ConsulServer;
  let follower: Follower;

  before(async () => {
    consul = await startConsul(binary, { config: { node_name: 'here', node_meta: { rack: 'r1' } }, dns: true });
    await consul.put('/v1/agent/service/register', instance('web', 9001, { Meta: { version: '1', note: 'a "b"' } }));
    await consul.put('/v1/agent/service/register', instance('web', 9002, { Meta: { version: '2' }, Tags: ['Blue'] }));
    const check = { CheckID: 'c3', TTL: '600s', Status: 'warning' };
    await consul.put('/v1/agent/service/register', instance('web', 9003, { Check: check }));
    const far = { Node: 'far', Address: '10.0.0.9', NodeMeta: { rack: 'r2', zone: 'z2', 'headgate-path': '/' } };
    const service = { Service: 'web', ID: 'far', Address: '127.0.0.1', Port: 9004, Meta: { version: '2' } };
    await consul.put('/v1/catalog/register', { ...far, Service: service });
  });
  after(() => consul?.stop());
  beforeEach(() => {
    follower = follow(consul);
  });
  afterEach(() => follower.close());

  /** The ports of the nodes that the arguments lead to, once there are so many. */
  const portsWith = async (args: Record<string, string>, count: number) => {
    const query = follower.query('web', args);
    follower.sets.want([query]);
    return ports(await follower.count(query, count));
  };

  it('choose by metadata of the service and of its machine, and by expressions', async () => {
    assert.deepEqual(await portsWith({ service_meta: 'version:2' }, 2), [9002, 9004]);
    assert.deepEqual(await portsWith({ service_meta: 'version:2', node_meta: 'rack:r1' }, 1), [9002]);
    assert.deepEqual(await portsWith({ service_meta: 'note:a "b"' }, 1), [9001]);
    assert.deepEqual(await portsWith({ node_meta: 'rack:r2' }, 1), [9004]);
    assert.deepEqual(await portsWith({ node_meta: 'rack:r3' }, 0), []);
    assert.deepEqual(await portsWith({ filter: 'Service.Port == 9001 or Node.Meta.rack == r2' }, 2), [9001, 9004]);
    const both = { filter: 'Service.Port == 9001 or Node.Meta.rack == r2', service_meta: 'version:2' };
    assert.deepEqual(await portsWith(both, 1), [9004]);
  });

  it('choose by health, for one service', async () => {
    assert.deepEqual(await portsWith({}, 3), [9001, 9002, 9004]);
    assert.deepEqual(await portsWith({ health: 'warning' }, 4), [9001, 9002, 9003, 9004]);
  });

  it('show the metadata of the machine', async () => {
    const query = follower.query('web', { node_meta: 'rack:r2' });
    follower.sets.want([query]);
    const [node] = (await follower.count(query, 1)).nodes;
    assert.deepEqual({ ...node?.metadata }, { datacenter: 'dc1', node: 'far', rack: 'r2', zone: 'z2', version: '2' });
  });

  it('say what is wrong with an expression', async () => {
    const query = follower.query('web', { filter: 'Bogus' });
    follower.sets.want([query]);
    const { reason } = await follower.until(query, ({ state }) => state === 'failed');
    assert.match(reason ?? '', /does not understand discovery_args.filter .*boolean expression/);
  });

  it('put what is not near a tier lower', async () => {
    for (const [Node, Height] of Object.entries({ here: 0.001, far: 0.2 })) {
      const Coord = { Adjustment: 0, Error: 1.5, Height, Vec: Array(8).fill(0) };
      await consul.put('/v1/coordinate/update', { Node, Coord });
    }
    const located = async () => ((await consul.get('/v1/coordinate/nodes')) as unknown[]).length;
    while ((await located()) < 2) await pause(20);
    const query = follower.query('web', { near: '_agent', nearest: '2' });
    follower.sets.want([query]);
    const { nodes } = await follower.count(query, 3);
    const preferred = nodes.filter(({ priority }) => priority === 0).map(({ port }) => port);
    assert.deepEqual(preferred, [9001, 9002]);
    assert.deepEqual(
      nodes.map(({ priority }) => priority),
      [0, 0, -1],
    );
  });

  it('follow prepared queries, by name and by id', async () => {
    const Service = { Service: 'web', NodeMeta: { rack: 'r1' } };
    const { ID } = (await consul.post('/v1/query', { Name: 'web-r1', Service })) as { ID: string };
    assert.deepEqual(await portsWith({ query: 'web-r1' }, 2), [9001, 9002]);
    assert.deepEqual(await portsWith({ query: ID, health: 'warning' }, 3), [9001, 9002, 9003]);
    assert.deepEqual(await portsWith({ query: 'web-r1', tag: 'blue' }, 1), [9002]);
    const query = follower.query('web', { query: 'web-r1' });
    follower.sets.want([query]);
    await follower.count(query, 2);
    await consul.put('/v1/agent/service/register', instance('web', 9005));
    await follower.count(query, 3);
    await consul.put('/v1/agent/service/deregister/web-9005');
    await follower.count(query, 2);
    const missing = follower.query('web', { query: 'nobody' });
    follower.sets.want([missing]);
    const { reason } = await follower.until(missing, ({ state }) => state === 'failed');
    assert.match(reason ?? '', /no prepared query of this name/);
  });

  it('ignore namespaces and partitions on the open-source version, and say so once', async () => {
    const other = follow(consul, { namespace: 'team', partition: 'p' });
    try {
      const queries = [other.query('web'), other.query('web', { namespace: 'other' }), other.query('none')];
      other.sets.want(queries);
      other.catalogs.want(['consul']);
      await other.count(queries[0]!, 3);
      await other.count(queries[1]!, 3);
      await other.count(queries[2]!, 0);
      await other.listed('web', 'Blue');
      assert.deepEqual(
        other.log.names.filter((name) => name !== 'discovery.changed'),
        ['discovery.scope-ignored'],
      );
    } finally {
      await other.close();
    }
  });

  it('can be left to DNS: SRV from the port for DNS', async () => {
    const servers = [{ host: '127.0.0.1', port: consul.dnsPort }];
    const watchFile = () => ({ close: () => Promise.resolve() });
    const log = new RecordingLog();
    const dns = new Follower(new DnsDiscovery({ ...DEFAULT_DNS, servers }, TOOLS, log, watchFile), log);
    const weights = { Weights: { Passing: 7, Warning: 1 } };
    try {
      const names = ['dns.service.consul', '_dns._tcp.service.consul', 'dns-query.query.consul'];
      const [plain, ...rest] = names.map((name) => dns.query(name));
      await consul.post('/v1/query', { Name: 'dns-query', Service: { Service: 'dns' } });
      await consul.put('/v1/agent/service/register', instance('dns', 9010, weights));
      dns.sets.want([plain!, ...rest]);
      for (const query of [plain!, ...rest]) {
        const [node] = (await dns.count(query, 1)).nodes;
        assert.deepEqual([node?.host, node?.port, node?.weight], ['127.0.0.1', 9010, 7], query.service);
      }
      await consul.put('/v1/agent/service/register', instance('dns', 9011));
      await dns.count(plain!, 2);
      await consul.put('/v1/agent/service/maintenance/dns-9010?enable=true');
      assert.deepEqual(ports(await dns.count(plain!, 1)), [9011]);
    } finally {
      await dns.close();
    }
  });

  it('poll the services above the limit of watches, and watch them when there is room', async () => {
    const few = follow(consul, { maxWatches: 2 });
    try {
      const queries = ['p0', 'p1', 'p2', 'p3', 'p4'].map((service) => few.query(service));
      few.sets.want(queries);
      for (const query of queries) await few.count(query, 0);
      for (const [at, { service }] of queries.entries()) {
        await consul.put('/v1/agent/service/register', instance(service, 9100 + at));
      }
      for (const query of queries) await few.count(query, 1);
      few.sets.want(queries.slice(2));
      await consul.put('/v1/agent/service/maintenance/p4-9104?enable=true');
      await few.count(queries[4]!, 0);
      assert.equal(few.log.names.filter((name) => name === 'discovery.polled').length, 1);
      assert.ok(!few.log.names.includes('discovery.source-lost'));
    } finally {
      await few.close();
    }
  });

  it('take a whole machine out of traffic that is in maintenance, and bring it back', async () => {
    const web = follower.query('web');
    follower.sets.want([web]);
    await follower.count(web, 3);
    await consul.put('/v1/agent/maintenance?enable=true&reason=test');
    assert.deepEqual(ports(await follower.count(web, 1)), [9004]);
    await consul.put('/v1/agent/maintenance?enable=false');
    await follower.count(web, 3);
  });
});

serverSuite('two datacentres of a real Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  it('are asked for by name, and a prepared query fails over to the other', { timeout: 60_000 }, async () => {
    const here = await startConsul(binary, { wan: true });
    const there = await startConsul(binary, { config: { datacenter: 'dc2', node_name: 'there' }, wan: true });
    const follower = follow(here);
    try {
      await there.put(`/v1/agent/join/127.0.0.1:${here.wanPort}?wan=1`);
      await here.put('/v1/agent/service/register', instance('web', 9001));
      await there.put('/v1/agent/service/register', instance('web', 9002));
      const Service = { Service: 'web', Failover: { Datacenters: ['dc2'] } };
      await here.post('/v1/query', { Name: 'anywhere', Service });
      const local = follower.query('web');
      const remote = follower.query('web', { datacenter: 'dc2' });
      const anywhere = follower.query('web', { query: 'anywhere' });
      follower.sets.want([local, remote, anywhere]);
      assert.deepEqual(ports(await follower.count(local, 1)), [9001]);
      assert.deepEqual(ports(await follower.count(remote, 1)), [9002]);
      assert.equal(follower.sets.get(remote)?.nodes[0]?.metadata.datacenter, 'dc2');
      await follower.until(anywhere, (set) => ports(set)[0] === 9001);
      await here.put('/v1/agent/service/deregister/web-9001');
      await follower.until(anywhere, (set) => ports(set)[0] === 9002);
      await there.put('/v1/agent/service/register', instance('web', 9003));
      assert.deepEqual(ports(await follower.count(remote, 2)), [9002, 9003]);
    } finally {
      await follower.close();
      await here.stop();
      await there.stop();
    }
  });
});

serverSuite('an ACL token in a file, on a real Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  const management = '11111111-2222-3333-4444-555555555555';
  const [first, second] = ['aaaaaaaa-2222-3333-4444-555555555555', 'bbbbbbbb-2222-3333-4444-555555555555'];
  const acl = { enabled: true, default_policy: 'deny', tokens: { initial_management: management, agent: management } };

  it('is renewed without a restart, and without a failure', { timeout: 30_000 }, async () => {
    const consul = await startConsul(binary, { config: { acl }, token: management });
    const directory = mkdtempSync(join(tmpdir(), 'headgate-token-'));
    const file = join(directory, 'token');
    const follower = follow(consul, { token: { file } });
    const create = (SecretID: string) =>
      consul.put('/v1/acl/token', { SecretID, ServiceIdentities: [], Policies: [{ Name: 'reader' }] });
    try {
      const Rules = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }';
      await consul.put('/v1/acl/policy', { Name: 'reader', Rules });
      await create(first);
      writeFileSync(file, `${first}\n`);
      await consul.put('/v1/agent/service/register', instance('web', 9001));
      const web = follower.query('web');
      follower.sets.want([web]);
      await follower.count(web, 1);
      const { AccessorID } = (await consul
        .get('/v1/acl/tokens')
        .then((all) => all as { AccessorID: string; Description: string; Policies?: { Name: string }[] }[])
        .then((all) => all.find(({ Policies }) => Policies?.some(({ Name }) => Name === 'reader')))) as {
        AccessorID: string;
      };
      await create(second);
      writeFileSync(file, second);
      await consul.delete(`/v1/acl/token/${AccessorID}`);
      await consul.put('/v1/agent/service/register', instance('web', 9002));
      await follower.count(web, 2);
      await consul.put('/v1/agent/service/register', instance('web', 9003));
      await follower.count(web, 3);
      assert.ok(!follower.log.names.includes('discovery.source-lost'), JSON.stringify(follower.log.events));
    } finally {
      await follower.close();
      await consul.stop();
      rmSync(directory, { recursive: true });
    }
  });
});
