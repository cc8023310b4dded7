import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { DnsDiscovery } from '../../src/discovery/dns.ts';
import { DEFAULT_DNS } from '../support/discovery-defaults.ts';
import { Follower } from '../support/discovery-follower.ts';
import { COREDNS_COMMAND, coreDnsBinary } from '../support/dns-servers.ts';
import { endpointSlice } from '../support/endpoint-slice.ts';
import { KUBERNETES_COMMAND, KubernetesServer, kubernetesBinary } from '../support/kubernetes.ts';
import { KubernetesDns } from '../support/kubernetes-dns.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

const COMMAND = `${KUBERNETES_COMMAND} && ${COREDNS_COMMAND}`;

serverSuite('the DNS of a real Kubernetes', kubernetesBinary() && coreDnsBinary(), COMMAND, (coreDns) => {
  let kubernetes: KubernetesServer;
  let dns: KubernetesDns;
  let follower: Follower;

  const services = '/api/v1/namespaces/default/services';
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  const endpoints = (...addresses: string[]) =>
    endpointSlice(
      addresses.map((address) => ({ address })),
      { name: 'web-1', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] },
    );
  const seen = async (service: string, count: number) => {
    const { nodes } = await follower.count(follower.query(service), count);
    return nodes.map(({ host, port }) => `${host}:${port}`);
  };

  before(async () => {
    kubernetes = await KubernetesServer.start(kubernetesBinary()!);
    await kubernetes.call('POST', services, {
      metadata: { name: 'web' },
      spec: { clusterIP: 'None', ports: [{ name: 'http', port: 8080 }] },
    });
    await kubernetes.call('POST', services, {
      metadata: { name: 'one' },
      spec: { clusterIP: '10.0.0.77', ports: [{ name: 'http', port: 80 }] },
    });
    await kubernetes.call('POST', slices, endpoints('10.1.0.1', '10.1.0.2'));
    dns = await KubernetesDns.start(coreDns, kubernetes);
    const options = { ...DEFAULT_DNS, servers: [dns.address], resolvConf: dns.resolvConf };
    const log = new RecordingLog();
    const watchFile = () => ({ close: () => Promise.resolve() });
    const tools = { clock: systemClock, random: systemRandom };
    follower = new Follower(new DnsDiscovery(options, tools, log, watchFile), log);
    const names = ['_http._tcp.web', 'web.default:9000', 'one:80', 'web.default.svc.cluster.local.:8080'];
    follower.sets.want(names.map((name) => follower.query(name)));
  });

  after(async () => {
    await follower?.close();
    await dns?.stop();
    await kubernetes?.stop();
  });

  it('gives the endpoints of a headless service, by SRV with their port and by A with the one asked for', async () => {
    assert.deepEqual(await seen('_http._tcp.web', 2), ['10.1.0.1:8080', '10.1.0.2:8080']);
    assert.deepEqual(await seen('web.default:9000', 2), ['10.1.0.1:9000', '10.1.0.2:9000']);
    assert.deepEqual(await seen('web.default.svc.cluster.local.:8080', 2), ['10.1.0.1:8080', '10.1.0.2:8080']);
  });

  it('gives the address of any other service, found by the search domains of a pod', async () => {
    assert.deepEqual(await seen('one:80', 1), ['10.0.0.77:80']);
  });

  it('follows the endpoints within their TTL, and a service that loses the last', async () => {
    await kubernetes.call('PUT', `${slices}/web-1`, endpoints('10.1.0.2', '10.1.0.3', '10.1.0.4'));
    assert.deepEqual(await seen('_http._tcp.web', 3), ['10.1.0.2:8080', '10.1.0.3:8080', '10.1.0.4:8080']);
    assert.equal((await seen('web.default:9000', 3)).length, 3);
    await kubernetes.call('DELETE', `${slices}/web-1`);
    const { nodes } = await follower.until(
      follower.query('web.default:9000'),
      (set) => set.state !== 'ok' || !set.nodes[0],
    );
    // A name without endpoints does not exist: the nodes stay for as long as `hold.nxdomain` says.
    assert.equal(nodes.length, 3);
  });
});
