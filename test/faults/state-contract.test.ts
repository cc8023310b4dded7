/**
 * The state contract under load: random changes of configuration and membership, and whatever is counted or decided about a
 * node that stays is as it was; no request fails, no stream is cut. `STATE_SEED=<seed>` repeats a run.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DocumentInput } from '../../src/config/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { ChurnBackends } from '../support/churn/churn-backends.ts';
import { ChurnGateway, KEY, MIB } from '../support/churn/churn-gateway.ts';
import { ConfigChurn } from '../support/churn/config-churn.ts';
import { type Talker, talkOverTcp, talkOverUdp, talkOverWebSocket } from '../support/churn/talkers.ts';
import { freePorts } from '../support/free-port.ts';
import { Load } from '../support/load.ts';

const CHANGES = 200;
/** After so many changes memory and descriptors are looked at for the first time. */
const WARM_UP = 40;
const SEED = Number(process.env.STATE_SEED ?? 1 + Math.floor(Math.random() * 1e6));
const WORKERS = 2;

describe(`the state contract over ${CHANGES} random changes under load, seed ${SEED}`, {
  skip: process.platform === 'linux' ? false : 'reads /proc: run it on Linux',
}, () => {
  const done: string[] = [];
  let backends: ChurnBackends;
  let churn: ConfigChurn;
  let gateway: ChurnGateway;
  let deadPort: number;
  let loads: Load[] = [];
  let talkers: Talker[] = [];

  /** The churn's configuration, and an upstream that no change is about: in it is everything that must survive. */
  const configuration = (late = true): DocumentInput => {
    const document = churn.document();
    const ports = [...backends.httpPorts.slice(0, late ? 3 : 2), deadPort];
    const steady = {
      id: 'steady',
      nodes: Object.fromEntries(ports.map((port) => [`127.0.0.1:${port}`, 1])),
      checks: { passive: { unhealthy: { tcp_failures: 1 }, ejection: { time: 3600, max_time: 3600 } } },
      slow_start: { window: 3600 },
    };
    return { ...document, upstreams: [...(document.upstreams ?? []), steady] };
  };
  /** Facts about the steady upstream that no change may touch. */
  const steadyFacts = async () => {
    const view = await gateway.upstream('steady');
    return view.nodes.map(({ port, health, ejected, override, requests, inflight }) => {
      const ejection = ejected && { reason: ejected.reason, times: ejected.times };
      return { port, health, ejection, override: override?.state, requests, inflight };
    });
  };

  before(async () => {
    backends = await ChurnBackends.start(6, 4, 4);
    [deadPort = 0] = await freePorts(1);
    churn = new ConfigChurn(seededRandom(SEED), {
      pools: [
        { id: 'web', ports: backends.httpPorts },
        { id: 'echo', ports: backends.tcpPorts },
        { id: 'datagrams', ports: backends.udpPorts, spared: ['active checks'] },
      ],
      routes: [
        { id: 'web', uri: '/*', upstream_id: 'web' },
        { id: 'v1', uri: '/v1/*', upstream_id: 'web', subset: { labels: { version: 'v1' } } },
        { id: 'steady', uri: '/steady/*', upstream_id: 'steady' },
      ],
      rest: {
        listen: ['127.0.0.1:0'],
        stream_listen: [
          { address: '127.0.0.1:0' },
          { address: '127.0.0.1:0', protocol: 'udp', udp: { idle_timeout: 3 } },
        ],
        admin: { address: '127.0.0.1:0', key: KEY },
        workers: WORKERS,
        shutdown: { delay: 0, drain: 1 },
        stream_routes: [
          { id: 'echo', protocol: 'tcp', upstream_id: 'echo' },
          { id: 'datagrams', protocol: 'udp', upstream_id: 'datagrams' },
        ],
      },
    });
    gateway = await ChurnGateway.start(configuration(false));
  });

  after(async () => {
    await Promise.all([...loads, ...talkers].map((one) => one.stop()));
    await gateway?.stop();
    await backends?.close();
  });

  it('fails nothing, cuts nothing, and leaves what stays as it was', async (t) => {
    const web = `http://127.0.0.1:${gateway.httpPort}`;
    const [, drained] = backends.httpPorts;
    for (let request = 0; request < 20; request++) assert.equal((await fetch(`${web}/steady/`)).status, 200);
    gateway.configure(configuration());
    await gateway.until(async () => (await gateway.upstream('steady')).nodes.length === 4);
    await gateway.post('/v1/nodes/drain', { upstream: 'steady', node: `127.0.0.1:${drained}`, reason: 'stays' });
    const facts = await steadyFacts();
    assert.deepEqual(
      facts.map(({ ejection, override }) => [ejection?.times, override]),
      [
        [undefined, undefined],
        [undefined, 'drain'],
        [undefined, undefined],
        [1, undefined],
      ],
    );
    const slowStart = await gateway.slowStart(`${web}/steady/`, backends.httpPorts[2]!);

    loads = [new Load(`${web}/`, 5, () => {}, 4), new Load(`${web}/v1/x`, 2, () => {}, 4)];
    talkers = await Promise.all([
      ...['ws-1', 'ws-2', 'ws-3', 'ws-4'].map((name) =>
        talkOverWebSocket(name, `${web.replace('http', 'ws')}/${name}`),
      ),
      ...['tcp-1', 'tcp-2', 'tcp-3', 'tcp-4'].map((name) => talkOverTcp(name, gateway.tcpPort)),
      ...['udp-1', 'udp-2', 'udp-3', 'udp-4'].map((name) => talkOverUdp(name, gateway.udpPort)),
    ]);
    let early = gateway.footprint();
    for (let change = 0; change < CHANGES; change++) {
      const step = churn.next();
      done.push(step.what);
      const why = () => `STATE_SEED=${SEED}, change ${change}:\n${done.slice(-10).join('\n')}`;
      await gateway.apply(step, configuration(), churn, why);
      assert.deepEqual(await steadyFacts(), facts, why());
      assert.deepEqual(
        [...loads, ...talkers].flatMap(({ failures }) => failures),
        [],
        why(),
      );
      if (change === WARM_UP) early = gateway.footprint();
    }
    const ramped = await gateway.slowStart(`${web}/steady/`, backends.httpPorts[2]!);
    assert.ok(ramped >= slowStart && ramped < 1, `slow start went from ${slowStart} to ${ramped}`);

    const requests = loads.reduce((sum, load) => sum + load.requests, 0);
    for (const talker of talkers) assert.ok(talker.heard > 0);
    const heard = talkers.reduce((sum, talker) => sum + talker.heard, 0);
    await Promise.all([...loads, ...talkers].map((one) => one.stop()));
    assert.deepEqual(
      [...loads, ...talkers].flatMap(({ failures }) => failures),
      [],
    );
    assert.deepEqual(gateway.errors, []);
    await gateway.until(async () => (await gateway.inflight()) === 0);
    await gateway.until(() => gateway.footprint().descriptors <= early.descriptors);
    const { resident } = gateway.footprint();
    t.diagnostic(
      `${requests} requests, ${heard} messages; ${Math.round(early.resident / MIB)} MiB, then ${Math.round(resident / MIB)}`,
    );
    assert.ok(resident < early.resident * 1.25 + 20 * MIB, 'memory grows');
  });

  it('spreads whole rounds by weight when the changes are over', async () => {
    const web = `http://127.0.0.1:${gateway.httpPort}/`;
    const weights = [1, 2, 3, 4];
    const total = 10;
    const nodes = Object.fromEntries(
      weights.map((weight, index) => [`127.0.0.1:${backends.httpPorts[index]}`, weight]),
    );
    gateway.configure({
      ...configuration(),
      upstreams: [{ id: 'web', nodes }],
      routes: [{ id: 'web', uri: '/*', upstream_id: 'web' }],
      stream_routes: [],
    });
    await gateway.until(async () => {
      const [only, ...others] = await gateway.upstreams();
      return others.length === 0 && only!.type === 'roundrobin' && only!.nodes.length === weights.length;
    });
    for (const node of Object.keys(nodes)) {
      await gateway.post('/v1/nodes/enable', { upstream: 'web', node });
      await gateway.post('/v1/nodes/weight', { upstream: 'web', node, weight: null });
    }
    assert.ok((await gateway.upstream('web')).nodes.every(({ override }) => override === null));
    // The patch is on its way to the workers: what they answer next comes behind it.
    for (let worker = 0; worker < 5 * WORKERS; worker++) await fetch(web);
    const counts = new Map<string, number>();
    const rounds = 30;
    for (let request = 0; request < rounds * total; request++) {
      const name = await (await fetch(web)).text();
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const [index, weight] of weights.entries()) {
      const off = Math.abs((counts.get(String(backends.httpPorts[index])) ?? 0) - rounds * weight);
      assert.ok(off <= 2 * WORKERS, `${JSON.stringify([...counts])}: weight ${weight} is ${off} off`);
    }
  });
});
