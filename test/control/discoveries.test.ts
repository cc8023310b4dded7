import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { consulKvOptions, etcdOptions, fileOptions, kubernetesOptions } from '../../src/control/cluster-discoveries.ts';
import { consulOptions, secretOf } from '../../src/control/consul-settings.ts';
import { createDiscoveries } from '../../src/control/discoveries.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { Scope } from '../../src/core/scope.ts';
import { DEFAULT_CONSUL, DEFAULT_CONSUL_KV, DEFAULT_ETCD, DEFAULT_KUBERNETES } from '../support/discovery-defaults.ts';
import { RecordingLog } from '../support/recording-log.ts';

const settings = (discovery: NonNullable<DocumentInput['discovery']>) => documentFrom({ discovery }).discovery;

describe('adapters from their blocks', () => {
  it('makes one for each block', async () => {
    const scope = new Scope();
    const tools = { clock: systemClock, random: systemRandom, log: new RecordingLog() };
    const all = settings({
      consul: {},
      consul_kv: {},
      etcd: {},
      file: { path: '/nowhere' },
      kubernetes: { service: { host: 'localhost' } },
    });
    const discoveries = createDiscoveries(all, null, scope, tools);
    assert.deepEqual([...discoveries.keys()].sort(), ['consul', 'consul_kv', 'etcd', 'file', 'kubernetes']);
    for (const [source, { type }] of discoveries) assert.equal(type, source);
    await scope.close(systemClock.now());
    assert.equal(createDiscoveries(settings({}), null, new Scope(), tools).size, 0);
  });

  it('has the defaults that the adapters are tested with', () => {
    const { kubernetes, etcd, consul_kv, file } = settings({
      kubernetes: {},
      etcd: {},
      consul_kv: {},
      file: { path: '/nodes' },
    });
    assert.deepEqual(kubernetesOptions(kubernetes!), DEFAULT_KUBERNETES);
    assert.deepEqual(etcdOptions(etcd!), { ...DEFAULT_ETCD, servers: ['http://127.0.0.1:2379'] });
    assert.deepEqual(consulKvOptions(consul_kv!), { ...DEFAULT_CONSUL_KV, servers: ['http://127.0.0.1:8500'] });
    assert.deepEqual(fileOptions(file!), { path: '/nodes', defaultWeight: 1, interval: 5_000 });
  });

  it('knows the settings of Consul, and the embedded registry from another', () => {
    const { consul } = settings({ consul: {} });
    const servers = ['http://127.0.0.1:8500'];
    const usual = { ...DEFAULT_CONSUL, servers, consistency: 'stale', concurrency: 16 };
    assert.deepEqual(consulOptions(consul, null), usual);
    assert.equal(consulOptions(consul, 'http://127.0.0.1:8500').maxWatches, 4_000);
    assert.deepEqual(consulOptions(undefined, 'http://127.0.0.1:9'), {
      ...usual,
      servers: ['http://127.0.0.1:9'],
      maxWatches: 4_000,
    });
    const stated = settings({
      consul: {
        ...{ token_file: '/t', namespace: 'n', partition: 'p', datacenter: 'd', stale: false, cached: true },
        ...{ passing_only: false, weight: 3, concurrency: 2, max_watches: 9, poll_interval: 2, poll_rate: 7 },
        timeout: { wait: 5, connect: 1, read: 3 },
      },
    });
    assert.deepEqual(consulOptions(stated.consul, null), {
      ...{ servers, token: { file: '/t' }, namespace: 'n', partition: 'p', datacenter: 'd', consistency: 'default' },
      ...{ cached: true, passingOnly: false, defaultWeight: 3, concurrency: 2, maxWatches: 9, pollInterval: 2_000 },
      ...{ pollRate: 7, wait: 5_000, connectTimeout: 1_000, timeout: 3_000 },
    });
    assert.deepEqual(secretOf('t', undefined), { text: 't' });
    assert.equal(secretOf(undefined, undefined), null);
  });

  it('hands on what is stated', () => {
    const { kubernetes, etcd } = settings({
      kubernetes: {
        service: { schema: 'http', host: 'a', port: 1 },
        client: { token: 't', token_file: '/t', ca_file: '/ca' },
        namespace_selector: { equal: 'x' },
        label_selector: 'a=b',
        watch_scope: 'cluster',
        auto_routes: true,
        default_weight: 50,
        timeout: { watch: 5 },
      },
      etcd: { user: 'u', password: 'p', ca_file: '/ca', cert_file: '/c', key_file: '/k' },
    });
    assert.deepEqual(kubernetesOptions(kubernetes!), {
      ...DEFAULT_KUBERNETES,
      place: {
        ...{ scheme: 'http', host: 'a', port: 1, token: 't', tokenFile: '/t', caFile: '/ca' },
        ...{ kubeconfig: null, context: null },
      },
      namespaces: { equal: 'x', notEqual: null, match: [], notMatch: [] },
      labelSelector: 'a=b',
      scope: 'cluster',
      autoRoutes: true,
      defaultWeight: 50,
      watchTimeout: 5_000,
    });
    const { user, tls } = etcdOptions(etcd!);
    assert.deepEqual(user, { name: 'u', password: 'p' });
    assert.deepEqual(tls.ca, { file: '/ca' });
    assert.deepEqual(tls.clientCertificate, { cert: { file: '/c' }, key: { file: '/k' } });
  });
});
