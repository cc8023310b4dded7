import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpstreamView } from '../../src/admin/views.ts';
import { reportTimes } from '../support/discovery-follower.ts';
import { type EndpointFacts, endpointSlice } from '../support/endpoint-slice.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { ADMIN_TOKEN, KUBERNETES_COMMAND, KubernetesServer, kubernetesBinary } from '../support/kubernetes.ts';
import { NodeProcess } from '../support/node-process.ts';
import { RouteTimer, took } from '../support/route-timer.ts';
import { serverSuite } from '../support/server-suite.ts';

const ROUNDS = 20;

serverSuite('a gateway on a real Kubernetes API server', kubernetesBinary(), KUBERNETES_COMMAND, (binary) => {
  let kubernetes: KubernetesServer;
  let headgate: HeadgateProcess;
  let first: NodeProcess;
  let second: NodeProcess;

  const url = (path = '/') => `http://127.0.0.1:${headgate.httpPort}${path}`;
  /**
   * The API server does not take loopback addresses for endpoints, but hands on those that it finds in its store: the slices
   * are written there.
   */
  const key = (name: string) => `/registry/endpointslices/default/${name}`;
  const write = (name: string, node: NodeProcess, facts: Partial<EndpointFacts> = {}, service = 'web') => {
    const ports = [{ name: 'http', port: node.port }];
    const slice = endpointSlice([{ address: '127.0.0.1', ...facts }], { name, service, ports });
    return kubernetes.etcd.put(key(name), JSON.stringify(slice));
  };
  const remove = (name: string) => kubernetes.etcd.delete(key(name));
  const nodes = async () => {
    const upstreams = await headgate.admin<UpstreamView[]>('/v1/upstreams');
    return upstreams.find((upstream) => upstream.id === 'route:web')?.nodes ?? [];
  };

  before(async () => {
    kubernetes = await KubernetesServer.start(binary);
    first = await NodeProcess.start('first');
    second = await NodeProcess.start('second');
    await write('web-1', first);
    headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      discovery: {
        kubernetes: {
          service: { host: '127.0.0.1', port: kubernetes.port },
          client: { token: ADMIN_TOKEN, ca_file: kubernetes.caFile },
          auto_routes: true,
        },
      },
      routes: [{ id: 'web', uri: '/*', upstream: { service_name: 'default/web:http', discovery_type: 'kubernetes' } }],
      shutdown: { delay: 0, drain: 2 },
    });
    while ((await nodes()).length !== 1) await pause(10);
  });

  after(async () => {
    await headgate?.stop();
    await kubernetes?.stop();
    await first?.kill();
    await second?.kill();
  });

  it(`follows ${ROUNDS} rolling replacements under load without a failed request`, async (test) => {
    const timer = new RouteTimer(url());
    const times = { in: [] as number[], ending: [] as number[], out: [] as number[] };
    const gone = async () => !(await nodes()).some(({ port, weight }) => port === second.port && weight > 0);
    for (let round = 0; round < ROUNDS; round++) {
      times.in.push(took(await timer.comesIn('second', () => write('web-2', second))));
      await timer.rest();
      const ends = round % 2 === 0;
      const leave = () =>
        ends ? write('web-2', second, { ready: false, serving: true, terminating: true }) : remove('web-2');
      times[ends ? 'ending' : 'out'].push(took(await timer.goesOut('second', leave, gone)));
      await timer.rest();
      if (ends) await remove('web-2');
      await timer.rest();
    }
    const result = await timer.stop();
    reportTimes(test, 'create → first request', times.in);
    reportTimes(test, 'terminating → last request', times.ending);
    reportTimes(test, 'delete → last request', times.out);
    assert.deepEqual(result.failures, []);
  });

  it('routes a Service by its annotations', async () => {
    await write('shop-1', first, {}, 'shop');
    await kubernetes.call('POST', '/api/v1/namespaces/default/services', {
      metadata: { name: 'shop', annotations: { 'headgate.io/path': '/shop/*' } },
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    await headgate.event('route.added');
    assert.equal(await (await fetch(url('/shop/1'))).text(), 'first');
    await kubernetes.call('DELETE', '/api/v1/namespaces/default/services/shop');
    await headgate.event('route.withdrawn');
  });
});
