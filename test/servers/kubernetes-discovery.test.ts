import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { KubernetesDiscovery } from '../../src/discovery/kubernetes.ts';
import type { KubernetesOptions } from '../../src/discovery/kubernetes-options.ts';
import { DEFAULT_KUBERNETES } from '../support/discovery-defaults.ts';
import { Follower, reportTimes } from '../support/discovery-follower.ts';
import { type EndpointFacts, endpointSlice, type SliceFacts } from '../support/endpoint-slice.ts';
import { ADMIN_TOKEN, KUBERNETES_COMMAND, KubernetesServer, kubernetesBinary } from '../support/kubernetes.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const ROUNDS = 10;

serverSuite('a real Kubernetes API server', kubernetesBinary(), KUBERNETES_COMMAND, (binary) => {
  let kubernetes: KubernetesServer;
  let follower: Follower;

  const place = () => ({
    ...DEFAULT_KUBERNETES.place,
    host: '127.0.0.1',
    port: kubernetes.port,
    token: ADMIN_TOKEN,
    caFile: kubernetes.caFile,
  });
  const follow = (options: Partial<KubernetesOptions> = {}, emptyHold?: number) => {
    const log = new RecordingLog();
    const tools = { clock: systemClock, random: systemRandom };
    const all = { ...DEFAULT_KUBERNETES, place: place(), ...options };
    return new Follower(new KubernetesDiscovery(all, {}, tools, log), log, emptyHold);
  };
  const create = (endpoints: readonly EndpointFacts[], facts: SliceFacts) =>
    kubernetes.call('POST', SLICES, endpointSlice(endpoints, facts));
  const patch = (name: string, endpoints: readonly EndpointFacts[]) =>
    kubernetes.call('PATCH', `${SLICES}/${name}`, { endpoints: endpointSlice(endpoints).endpoints });
  const remove = (name: string) => kubernetes.call('DELETE', `${SLICES}/${name}`);

  before(async () => {
    kubernetes = await KubernetesServer.start(binary);
  });
  after(() => kubernetes?.stop());
  beforeEach(() => {
    follower = follow();
  });
  afterEach(() => follower.close());

  it('shows a slice that is created, patched, ending and deleted', async (test) => {
    const web = follower.query('default/latency:http');
    follower.sets.want([web]);
    await follower.count(web, 0);
    const times = new Map<string, number[]>();
    const timed = async (what: string, change: Promise<unknown>, seen: Promise<unknown>) => {
      const start = performance.now();
      await Promise.all([change, seen]);
      times.set(what, [...(times.get(what) ?? []), performance.now() - start]);
      // Slower than what is merged, and than the floor between questions.
      await new Promise((resolve) => setTimeout(resolve, 300));
    };
    const one = { address: '10.1.0.1' };
    const two = { address: '10.1.0.2' };
    for (let round = 0; round < ROUNDS; round++) {
      const facts = { name: 'latency-1', service: 'latency' };
      await timed('create → node set', create([one], facts), follower.count(web, 1));
      await timed('patch → node set', patch('latency-1', [one, two]), follower.count(web, 2));
      const ending = { ...two, ready: false, serving: true, terminating: true };
      const drained = follower.until(web, (set) => set.nodes.some((node) => node.weight === 0));
      await timed('terminating → weight 0', patch('latency-1', [one, ending]), drained);
      await timed('delete → node set', remove('latency-1'), follower.count(web, 0));
    }
    for (const [what, all] of times) reportTimes(test, what, all);
  });

  it('merges the slices of a service and carries zone, node and hints', async () => {
    const rich = follower.query('default/rich:http');
    follower.sets.want([rich]);
    await create([{ address: '10.1.1.1', zone: 'a', node: 'n1', uid: 'u1', hints: ['a', 'b'] }], {
      name: 'rich-1',
      service: 'rich',
    });
    await create([{ address: 'fd00::1', uid: 'u1' }], { name: 'rich-2', service: 'rich', addressType: 'IPv6' });
    await create([{ address: 'fd00::2', uid: 'u2' }], { name: 'rich-3', service: 'rich', addressType: 'IPv6' });
    const { nodes } = await follower.count(rich, 2);
    assert.deepEqual(nodes, [
      {
        host: '10.1.1.1',
        port: 8080,
        weight: 1,
        priority: 0,
        metadata: { zone: 'a', node: 'n1', pod: 'pod-u1', hint_zones: 'a,b' },
        tags: [],
      },
      { host: 'fd00::2', port: 8080, weight: 1, priority: 0, metadata: { pod: 'pod-u2' }, tags: [] },
    ]);
  });

  it('follows services of several namespaces, with one watch for the cluster too', async () => {
    await kubernetes.call('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
    await create([{ address: '10.1.2.1' }], { name: 'here-1', service: 'here' });
    const elsewhere = endpointSlice([{ address: '10.1.2.2' }], { name: 'there', service: 'there', namespace: 'other' });
    await kubernetes.call('POST', SLICES.replace('default', 'other'), elsewhere);
    const whole = follow({ scope: 'cluster' });
    try {
      for (const each of [follower, whole]) {
        const [here, there] = [each.query('default/here'), each.query('other/there:8080')];
        each.sets.want([here, there]);
        await each.count(here, 1);
        await each.count(there, 1);
      }
    } finally {
      await whole.close();
    }
  });

  it('makes a catalogue and tags of the annotations of Services', async () => {
    const routed = follow({ autoRoutes: true });
    try {
      const listed = new Promise<void>((resolve) => {
        routed.catalogs.onChange((catalog) => catalog.entries.length > 0 && resolve());
      });
      routed.catalogs.want(['kubernetes']);
      const service = {
        metadata: { name: 'shop', annotations: { 'headgate.io/host': 'shop.test' } },
        spec: { ports: [{ name: 'http', port: 80 }], selector: { app: 'shop' } },
      };
      await kubernetes.call('POST', '/api/v1/namespaces/default/services', service);
      await listed;
      assert.deepEqual(routed.catalogs.get('kubernetes')?.entries, [
        { service: 'default/shop:http', tags: ['headgate.host=shop.test'] },
      ]);
      const shop = routed.query('default/shop:http');
      routed.sets.want([shop]);
      await create([{ address: '10.1.3.1' }], { name: 'shop-1', service: 'shop' });
      const { nodes } = await routed.until(shop, (set) => (set.nodes[0]?.tags.length ?? 0) > 0);
      assert.deepEqual(nodes[0]?.tags, ['headgate.host=shop.test']);
    } finally {
      await routed.close();
    }
  });

  it('follows a token that is replaced, and says what right is missing', async () => {
    const tokenFile = kubernetes.file('token');
    const replace = (token: string) => {
      writeFileSync(`${tokenFile}.new`, `${token}\n`);
      renameSync(`${tokenFile}.new`, tokenFile);
    };
    replace('expired');
    const account = follow({ place: { ...place(), token: null, tokenFile }, watchTimeout: 1_000 });
    try {
      const web = account.query('default/rotated');
      account.sets.want([web]);
      const refused = await account.until(web, (set) => set.state === 'failed');
      assert.match(refused.reason ?? '', /answered 401: .*client\.token_file/);
      replace(await kubernetes.tokenFor('default', 'headgate'));
      const forbidden = await account.until(web, (set) => /answered 403/.test(set.reason ?? ''));
      assert.match(
        forbidden.reason ?? '',
        /RBAC does not allow to list endpointslices: give a Role in the namespace "default" with apiGroups \["discovery.k8s.io"\], resources \["endpointslices"\], verbs \["list", "watch"\].*system:serviceaccount:default:headgate/,
      );
      const rules = (verbs: string[]) => [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs }];
      const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
      await kubernetes.call('POST', `${roles}/roles`, { metadata: { name: 'headgate' }, rules: rules(['list']) });
      await kubernetes.call('POST', `${roles}/rolebindings`, {
        metadata: { name: 'headgate' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'headgate' },
        subjects: [{ kind: 'ServiceAccount', name: 'headgate', namespace: 'default' }],
      });
      await account.until(web, (set) => /RBAC does not allow to watch endpointslices/.test(set.reason ?? ''));
      await kubernetes.call('PUT', `${roles}/roles/headgate`, {
        metadata: { name: 'headgate' },
        rules: rules(['list', 'watch']),
      });
      await account.count(web, 0);
      await create([{ address: '10.1.4.1' }], { name: 'rotated-1', service: 'rotated' });
      await account.count(web, 1);
      // The watch ends after a second; the next one takes the token that is there then.
      replace('expired again');
      await account.until(web, (set) => set.state === 'stale' && /answered 401/.test(set.reason ?? ''));
      replace(await kubernetes.tokenFor('default', 'headgate'));
      await account.count(web, 1);
    } finally {
      await account.close();
    }
  });

  it('connects by a kubeconfig with a client certificate', async () => {
    const data = (name: string) => readFileSync(kubernetes.file(name)).toString('base64');
    const kubeconfig = kubernetes.file('kubeconfig');
    const server = `https://127.0.0.1:${kubernetes.port}`;
    const content = {
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server, 'certificate-authority': 'tls.pem' } }],
      users: [
        { name: 'u', user: { 'client-certificate-data': data('client.pem'), 'client-key-data': data('client.key') } },
      ],
    };
    writeFileSync(kubeconfig, JSON.stringify(content));
    await create([{ address: '10.1.5.1' }], { name: 'certified-1', service: 'certified' });
    const certified = follow({ place: { ...DEFAULT_KUBERNETES.place, kubeconfig } });
    try {
      certified.sets.want([certified.query('default/certified:http')]);
      await certified.count(certified.query('default/certified:http'), 1);
    } finally {
      await certified.close();
    }
  });

  it('does not trust a server that its authority did not sign', async () => {
    const stranger = follow({ place: { ...place(), caFile: kubernetes.file('client.pem') } });
    try {
      stranger.sets.want([stranger.query('default/web')]);
      const set = await stranger.until(stranger.query('default/web'), ({ state }) => state === 'failed');
      assert.match(set.reason ?? '', /can't be asked: .*(self-signed|certificate|issuer)/);
    } finally {
      await stranger.close();
    }
  });

  it('goes on where a watch ends, without a gap', async () => {
    const short = follow({ watchTimeout: 1_000 });
    try {
      const web = short.query('default/gapless');
      short.sets.want([web]);
      await short.count(web, 0);
      const all: EndpointFacts[] = [];
      await create(all, { name: 'gapless-1', service: 'gapless' });
      for (let index = 1; index <= 12; index++) {
        all.push({ address: `10.2.0.${index}` });
        await patch('gapless-1', all);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      await short.count(web, 12);
      assert.deepEqual(
        short.log.names.filter((name) => name === 'discovery.source-lost'),
        [],
      );
    } finally {
      await short.close();
    }
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`keeps the nodes while the server is gone (${signal}), and sees what has changed when it is back`, async () => {
      // A server that is told to end waits for its watches.
      const short = follow({ watchTimeout: 1_000 });
      try {
        const name = `restart-${signal.toLowerCase()}`;
        const web = short.query(`default/${name}`);
        short.sets.want([web]);
        await create([{ address: '10.3.0.1' }, { address: '10.3.0.2' }], { name, service: name });
        await short.count(web, 2);
        const stale = short.until(web, (set) => set.state === 'stale');
        await kubernetes.restart(signal);
        assert.equal((await stale).nodes.length, 2);
        await patch(name, [{ address: '10.3.0.1' }, { address: '10.3.0.2' }, { address: '10.3.0.3' }]);
        await short.count(web, 3);
      } finally {
        await short.close();
      }
    });
  }

  it('holds back what a server that has lost its data says', async () => {
    const held = follow({}, 3_000);
    try {
      const web = held.query('default/lost');
      held.sets.want([web]);
      await create([{ address: '10.4.0.1' }, { address: '10.4.0.2' }], { name: 'lost', service: 'lost' });
      await held.count(web, 2);
      await kubernetes.kill();
      await kubernetes.etcd.restartEmpty();
      await kubernetes.restart();
      const set = await held.until(web, ({ state }) => state === 'held');
      assert.equal(set.nodes.length, 2);
      await held.count(web, 0);
    } finally {
      await held.close();
    }
  });
});
