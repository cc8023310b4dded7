import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { KubernetesDiscovery } from '../../src/discovery/kubernetes.ts';
import { DEFAULT_KUBERNETES } from '../support/discovery-defaults.ts';
import { Follower, reportTimes } from '../support/discovery-follower.ts';
import { type EndpointFacts, endpointSlice } from '../support/endpoint-slice.ts';
import { ADMIN_TOKEN, KUBERNETES_COMMAND, KubernetesServer, kubernetesBinary } from '../support/kubernetes.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const SERVICES = 1_000;
const PODS = 20;
const BIG_SLICES = 10;
const BIG_SLICE = 1_000;
const IDLE_MS = 65_000;

function pods(service: number, count: number): EndpointFacts[] {
  return Array.from({ length: count }, (_, index) => ({
    address: `10.${service >> 8}.${service & 255}.${index + 1}`,
    zone: 'a',
    node: `node-${index}`,
    uid: `${service}-${index}`,
  }));
}

function bigSlice(part: number, count: number): Record<string, unknown> {
  const endpoints = Array.from({ length: count }, (_, index) => ({
    address: `11.${part}.${index >> 8}.${(index & 255) + 1}`.replace(/\.256$/, '.0'),
  }));
  return endpointSlice(endpoints, { name: `big-${part}`, service: 'big' });
}

/** Prints numbers; what must hold is that every change arrives. */
serverSuite('a large cluster', kubernetesBinary(), KUBERNETES_COMMAND, (binary) => {
  let kubernetes: KubernetesServer;
  let follower: Follower;

  before(async () => {
    kubernetes = await KubernetesServer.start(binary);
    const access = { host: '127.0.0.1', port: kubernetes.port, token: ADMIN_TOKEN, caFile: kubernetes.caFile };
    const log = new RecordingLog();
    const options = { ...DEFAULT_KUBERNETES, place: { ...DEFAULT_KUBERNETES.place, ...access } };
    const tools = { clock: systemClock, random: systemRandom };
    follower = new Follower(new KubernetesDiscovery(options, {}, tools, log), log);
  });
  after(async () => {
    await follower?.close();
    await kubernetes?.stop();
  });

  it(`follows ${SERVICES} services of ${PODS} pods`, { timeout: 300_000 }, async (test) => {
    const facts = (service: number) => ({ name: `s${service}-x`, service: `s${service}` });
    for (let at = 0; at < SERVICES; at += 20) {
      const some = Array.from({ length: 20 }, (_, index) => at + index);
      await Promise.all(
        some.map((each) => kubernetes.call('POST', SLICES, endpointSlice(pods(each, PODS), facts(each)))),
      );
    }
    const queries = Array.from({ length: SERVICES }, (_, service) => follower.query(`default/s${service}:http`));
    const heap = process.memoryUsage().heapUsed;
    const start = performance.now();
    const busy = process.cpuUsage();
    follower.sets.want(queries);
    while (follower.sets.all().some((set) => set.nodes.length !== PODS)) await pause(10);
    const spent = process.cpuUsage(busy);
    test.diagnostic(
      `all sets after ${(performance.now() - start).toFixed(0)} ms, ${(spent.user + spent.system) / 1e3} ms of CPU`,
    );
    test.diagnostic(`${((process.memoryUsage().heapUsed - heap) / 1e6).toFixed(0)} MB of heap, garbage included`);
    const idle = process.cpuUsage();
    await pause(IDLE_MS);
    const used = process.cpuUsage(idle);
    test.diagnostic(`${((used.user + used.system) / 10 / IDLE_MS).toFixed(2)} % of a core when nothing changes`);
    const times: number[] = [];
    for (let service = 0; service < 50; service++) {
      const changed = performance.now();
      const { endpoints } = endpointSlice(pods(service, PODS - 1));
      const seen = follower.count(queries[service]!, PODS - 1);
      await Promise.all([kubernetes.call('PATCH', `${SLICES}/s${service}-x`, { endpoints }), seen]);
      times.push(performance.now() - changed);
      await pause(120);
    }
    reportTimes(test, 'one change → node set', times);
  });

  it(`follows a service of ${BIG_SLICES * BIG_SLICE} pods`, { timeout: 120_000 }, async (test) => {
    const big = follower.query('default/big:http');
    for (let part = 0; part < BIG_SLICES; part++) await kubernetes.call('POST', SLICES, bigSlice(part, BIG_SLICE));
    follower.sets.want([big]);
    await follower.count(big, BIG_SLICES * BIG_SLICE);
    const costs: number[] = [];
    for (let round = 1; round <= 10; round++) {
      const slice = bigSlice(0, BIG_SLICE - round);
      const busy = process.cpuUsage();
      const seen = follower.count(big, BIG_SLICES * BIG_SLICE - round);
      await Promise.all([kubernetes.call('PATCH', `${SLICES}/big-0`, { endpoints: slice.endpoints }), seen]);
      const { user, system } = process.cpuUsage(busy);
      costs.push((user + system) / 1e3);
      await pause(300);
    }
    reportTimes(test, 'CPU of one change, with that of writing it', costs);
  });
});
