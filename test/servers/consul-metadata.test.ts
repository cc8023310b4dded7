import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpstreamView } from '../../src/admin/views.ts';
import { CONSUL_COMMAND, type ConsulServer, consulBinary, startConsul } from '../support/consul.ts';
import { DrillBackend } from '../support/drill/drill-backends.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { serverSuite } from '../support/server-suite.ts';

interface Instance {
  readonly Meta?: Readonly<Record<string, string>>;
  readonly Tags?: readonly string[];
  readonly Weights?: { readonly Passing: number; readonly Warning: number };
}

const INSTANCES: Readonly<Record<string, Instance>> = {
  'near-v1': { Meta: { zone: 'z1', version: 'v1', weight: '3' } },
  'near-v2': { Meta: { zone: 'z1' }, Tags: ['version=v2'] },
  'far-v2': { Meta: { zone: 'z2', version: 'v2' }, Weights: { Passing: 5, Warning: 1 } },
  spare: { Meta: { zone: 'z1', version: 'v1', priority: '-1' } },
};

serverSuite('routing by the metadata that a real Consul has', consulBinary(), CONSUL_COMMAND, (binary) => {
  let consul: ConsulServer;
  let headgate: HeadgateProcess;
  const backends = new Map<string, DrillBackend>();

  const nameOf = (port: number) => [...backends.values()].find(({ node }) => node.port === port)?.node.name;
  const nodes = async () => {
    const upstreams = await headgate.admin<UpstreamView[]>('/v1/upstreams');
    return upstreams.find(({ id }) => id === 'web')?.nodes ?? [];
  };
  const deregister = (name: string) => consul.put(`/v1/agent/service/deregister/${name}`);
  /** How often each node answers so many requests. */
  const answers = async (path: string, count: number) => {
    const counts: Record<string, number> = {};
    for (let each = 0; each < count; each++) {
      const name = await (await fetch(`http://127.0.0.1:${headgate.httpPort}${path}`)).text();
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };

  before(async () => {
    consul = await startConsul(binary);
    for (const [name, instance] of Object.entries(INSTANCES)) {
      const backend = await DrillBackend.start(name);
      backends.set(name, backend);
      const { host, port } = backend.node;
      await consul.put('/v1/agent/service/register', { ID: name, Name: 'web', Address: host, Port: port, ...instance });
    }
    headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 1,
      zone: 'z1',
      discovery: { consul: { servers: [consul.address] } },
      upstreams: [
        { id: 'web', service_name: 'web', discovery_type: 'consul', zone_preference: { spill_over: 20 } },
        { id: 'all', service_name: 'web', discovery_type: 'consul' },
      ],
      routes: [
        { id: 'zone', uri: '/zone', upstream_id: 'web' },
        { id: 'all', uri: '/all', upstream_id: 'all' },
        { id: 'canary', uri: '/canary', upstream_id: 'all', subset: { labels: { version: 'v2' } } },
        { id: 'zone-canary', uri: '/zone-canary', upstream_id: 'web', subset: { labels: { version: 'v2' } } },
      ],
      shutdown: { delay: 0, drain: 1 },
    });
    while ((await nodes()).length !== backends.size) await pause(10);
  });

  after(async () => {
    await headgate?.stop();
    await consul?.stop();
    for (const backend of backends.values()) await backend.stop();
  });

  it('reaches the nodes: weight, priority, zone and version', async () => {
    const seen = (await nodes()).map(({ port, weight, priority, metadata }) => {
      return [nameOf(port), weight, priority, metadata.zone, metadata.version];
    });
    assert.deepEqual(seen.sort(), [
      ['far-v2', 5, 0, 'z2', 'v2'],
      ['near-v1', 3, 0, 'z1', 'v1'],
      ['near-v2', 1, 0, 'z1', 'v2'],
      ['spare', 1, -1, 'z1', 'v1'],
    ]);
  });

  it('shares the traffic by weight, and leaves the lower priority alone', async () => {
    assert.deepEqual(await answers('/all', 90), { 'far-v2': 50, 'near-v1': 30, 'near-v2': 10 });
  });

  it('prefers the nodes of the own zone where the upstream says so', async () => {
    assert.deepEqual(await answers('/zone', 40), { 'near-v1': 30, 'near-v2': 10 });
  });

  it('gives a route the subset that it names, with and without the zone', async () => {
    assert.deepEqual(await answers('/canary', 60), { 'far-v2': 50, 'near-v2': 10 });
    assert.deepEqual(await answers('/zone-canary', 20), { 'near-v2': 20 });
  });

  it('spills over into the other zone, and to the lower priority, when nobody else is left', async () => {
    await deregister('near-v1');
    await deregister('near-v2');
    while ((await nodes()).some(({ port }) => nameOf(port)?.startsWith('near'))) await pause(10);
    assert.deepEqual(await answers('/zone', 20), { 'far-v2': 20 });
    await deregister('far-v2');
    while ((await nodes()).length !== 1) await pause(10);
    assert.deepEqual(await answers('/all', 20), { spare: 20 });
    assert.deepEqual((await fetch(`http://127.0.0.1:${headgate.httpPort}/canary`)).status, 503);
  });
});
