/**
 * Measures how long it takes from a registration or deregistration in a real registry until traffic follows it.
 *
 *   npm run bench:discovery -- [--rounds 12] [--registries consul,nacos]
 *
 * Prints a table in Markdown. Registries that are not installed are left out: test/servers/*.sh installs them.
 */
import { parseArgs } from 'node:util';
import { consulBinary } from '../test/support/consul.ts';
import { bindBinary, coreDnsBinary, DnsServer } from '../test/support/dns-servers.ts';
import { ConsulHarness } from '../test/support/drill/consul-harness.ts';
import { ConsulKvHarness } from '../test/support/drill/consul-kv-harness.ts';
import { DnsHarness } from '../test/support/drill/dns-harness.ts';
import { DrillBackend } from '../test/support/drill/drill-backends.ts';
import { DrillGateway } from '../test/support/drill/drill-gateway.ts';
import { EtcdHarness } from '../test/support/drill/etcd-harness.ts';
import { EUREKA_INTERVAL, EurekaHarness } from '../test/support/drill/eureka-harness.ts';
import { KubernetesHarness } from '../test/support/drill/kubernetes-harness.ts';
import { NacosHarness } from '../test/support/drill/nacos-harness.ts';
import type { RegistryHarness } from '../test/support/drill/registry-harness.ts';
import { etcdBinary } from '../test/support/etcd.ts';
import { eurekaJar, RESPONSE_CACHE_MS } from '../test/support/eureka.ts';
import { kubernetesBinary } from '../test/support/kubernetes.ts';
import { nacosHome } from '../test/support/nacos.ts';
import { median, RouteTimer, type Timed, took } from '../test/support/route-timer.ts';

/** From when on what Headgate needs is counted: the call that changes the registry, or the time when Headgate may know. */
type Since = 'call' | 'listed' | 'pushed';

interface Registry {
  readonly name: string;
  readonly id: string;
  readonly place: string | null;
  readonly start: (place: string) => Promise<RegistryHarness>;
  readonly since: Since;
  readonly how: string;
}

const REGISTRIES: readonly Registry[] = [
  {
    name: 'Consul',
    id: 'consul',
    place: consulBinary(),
    start: (place) => ConsulHarness.start(place),
    since: 'call',
    how: 'blocking query',
  },
  {
    name: 'Consul, key-value store',
    id: 'consul_kv',
    place: consulBinary(),
    start: (place) => ConsulKvHarness.start(place),
    since: 'call',
    how: 'blocking query',
  },
  {
    name: 'etcd',
    id: 'etcd',
    place: etcdBinary(),
    start: (place) => EtcdHarness.start(place),
    since: 'call',
    how: 'watch',
  },
  {
    name: 'Kubernetes API',
    id: 'kubernetes',
    place: kubernetesBinary(),
    start: (place) => KubernetesHarness.start(place),
    since: 'call',
    how: 'watch',
  },
  {
    name: 'Nacos',
    id: 'nacos',
    place: nacosHome(),
    start: (place) => NacosHarness.start(place),
    since: 'pushed',
    how: 'UDP push, which the server sends after a delay of its own',
  },
  {
    name: 'Eureka',
    id: 'eureka',
    place: eurekaJar(),
    start: (place) => EurekaHarness.start(place),
    since: 'listed',
    how: `asked every ${EUREKA_INTERVAL} s, the server's cache set to ${RESPONSE_CACHE_MS / 1000} s`,
  },
  {
    name: 'CoreDNS',
    id: 'coredns',
    place: coreDnsBinary(),
    start: (place) => DnsHarness.start(DnsServer.coreDns(place)),
    since: 'listed',
    how: 'TTL 1 s',
  },
  {
    name: 'BIND',
    id: 'bind',
    place: bindBinary(),
    start: (place) => DnsHarness.start(DnsServer.bind(place)),
    since: 'listed',
    how: 'TTL 1 s',
  },
];

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '12' }, registries: { type: 'string', default: '' } },
});

interface Times {
  /** Milliseconds from the call. */
  readonly whole: number[];
  /** Milliseconds from when Headgate could know. */
  readonly own: number[];
}

async function measure(registry: Registry, harness: RegistryHarness): Promise<{ comes: Times; goes: Times }> {
  const [first, second] = [await DrillBackend.start('first'), await DrillBackend.start('second')];
  await harness.register([first.node]);
  const gateway = await DrillGateway.start(harness, 'nothing');
  const [comes, goes]: Times[] = [
    { whole: [], own: [] },
    { whole: [], own: [] },
  ];
  try {
    await gateway.until('ok', 1);
    const timer = new RouteTimer(gateway.url);
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const comesIn of [true, false]) {
        let known = 0;
        const change = async () => {
          await harness.change(second.node, comesIn);
          if (registry.since !== 'listed') return;
          await harness.shows(second.node, comesIn);
          known = performance.now();
        };
        const timed = comesIn
          ? await timer.comesIn('second', change)
          : await timer.goesOut('second', change, async () => (await gateway.watch()).count === 1);
        note((comesIn ? comes : goes)!, timed, registry.since, known, harness);
        // Not in step with the questions of a source that is asked at intervals.
        await timer.rest();
        await new Promise((resolve) => setTimeout(resolve, (round * 130) % 1000));
      }
    }
    const { failures } = await timer.stop();
    if (failures.length > 0) throw new Error(`${registry.name}: requests failed: ${failures.slice(0, 3).join('; ')}`);
  } finally {
    await gateway.stop();
    await Promise.all([first.stop(), second.stop()]);
  }
  return { comes: comes!, goes: goes! };
}

function note({ whole, own }: Times, timed: Timed, since: Since, known: number, harness: RegistryHarness): void {
  whole.push(took(timed));
  const from = since === 'pushed' ? (harness as NacosHarness).pushedAfter(timed.began) : known;
  // Without a push it was a question at the interval that brought it.
  if (from !== null) own.push(Math.max(0, timed.ended - from));
}

function cell(times: readonly number[]): string {
  return times.length === 0 ? '–' : `${median(times).toFixed(0)} (${Math.max(...times).toFixed(0)})`;
}

const wanted = values.registries.split(',').filter((id) => id !== '');
console.log('Milliseconds: median (slowest). "Known": from when Headgate could know of the change.\n');
console.log('| registry | register → first request | known → | deregister → last request | known → | known is | how |');
console.log('|---|---|---|---|---|---|---|');
for (const registry of REGISTRIES) {
  if (wanted.length > 0 && !wanted.includes(registry.id)) continue;
  if (registry.place === null) {
    console.log(`| ${registry.name} | not installed | | | | | |`);
    continue;
  }
  const harness = await registry.start(registry.place);
  try {
    const { comes, goes } = await measure(registry, harness);
    const own = (times: Times) => (registry.since === 'call' ? '–' : cell(times.own));
    const cells = [registry.name, cell(comes.whole), own(comes), cell(goes.whole), own(goes)];
    console.log(`| ${[...cells, registry.since, registry.how].join(' | ')} |`);
  } finally {
    await harness.close();
  }
}
