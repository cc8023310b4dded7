import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { consulKvOptions, etcdOptions, fileOptions, kubernetesOptions } from '../../src/control/cluster-discoveries.ts';
import { createDiscoveries } from '../../src/control/discoveries.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { Scope } from '../../src/core/scope.ts';
import { DEFAULT_CONSUL_KV, DEFAULT_ETCD, DEFAULT_KUBERNETES } from '../support/discovery-defaults.ts';
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
