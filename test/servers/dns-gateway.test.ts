import assert from 'node:assert/strict';
import { after, before, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpstreamView } from '../../src/admin/views.ts';
import { COREDNS_COMMAND, coreDnsBinary, DnsServer, ZONE } from '../support/dns-servers.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { Load } from '../support/load.ts';
import { NodeProcess } from '../support/node-process.ts';
import { serverSuite } from '../support/server-suite.ts';

const ROUNDS = 5;
const SERVICE = `_http._tcp.web.${ZONE}`;

function report(test: TestContext, what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1] ?? Number.NaN;
  test.diagnostic(`${what}: median ${median.toFixed(0)} ms, slowest ${times.at(-1)?.toFixed(0)} ms (TTL 1 s)`);
}

serverSuite('a gateway on a real CoreDNS', coreDnsBinary(), COREDNS_COMMAND, (binary) => {
  let server: DnsServer;
  let headgate: HeadgateProcess;
  let first: NodeProcess;
  let second: NodeProcess;

  const publish = (...nodes: readonly NodeProcess[]) =>
    server.serve(['a IN A 127.0.0.1', ...nodes.map(({ port }) => `_http._tcp.web IN SRV 10 5 ${port} a`)]);
  const url = () => `http://127.0.0.1:${headgate.httpPort}/`;
  const upstream = async () => (await headgate.admin<UpstreamView[]>('/v1/upstreams'))[0];
  const until = async (good: (view: UpstreamView | undefined) => boolean) => {
    while (!good(await upstream())) await pause(10);
  };

  before(async () => {
    server = await DnsServer.coreDns(binary);
    first = await NodeProcess.start('first');
    second = await NodeProcess.start('second');
    await publish(first);
    headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      discovery: { dns: { servers: [`127.0.0.1:${server.address.port}`], timeout: 0.5, hold: { nxdomain: 2 } } },
      routes: [{ id: 'r', uri: '/*', upstream: { service_name: SERVICE, discovery_type: 'dns' } }],
      shutdown: { delay: 0, drain: 2 },
    });
    await until((view) => view?.nodes.length === 1);
  });
  after(async () => {
    await headgate?.stop();
    await server?.stop();
    await first?.kill();
    await second?.kill();
  });

  it('shows where the nodes come from', async () => {
    const view = await upstream();
    assert.deepEqual(
      view?.sources.map(({ type, service, state }) => ({ type, service, state })),
      [{ type: 'dns', service: SERVICE, state: 'ok' }],
    );
    assert.equal(view?.nodes[0]?.origin, `dns: ${SERVICE}`);
    assert.deepEqual(view?.nodes[0]?.metadata, { target: `a.${ZONE}` });
  });

  it(`follows ${ROUNDS} changes of the zone under load without a failed request`, async (test) => {
    const lastSeen = new Map<string, number>();
    const firstSeen = new Map<string, number>();
    const load = new Load(url(), 4, (body) => {
      const now = performance.now();
      lastSeen.set(body, now);
      if (!firstSeen.has(body)) firstSeen.set(body, now);
    });
    const inn: number[] = [];
    const out: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // Not in step with the questions.
      await pause(130 * round);
      firstSeen.delete('second');
      await publish(first, second);
      const coming = performance.now();
      while (!firstSeen.has('second')) await pause(1);
      inn.push(Math.max(0, firstSeen.get('second')! - coming));
      await publish(first);
      const leaving = performance.now();
      await until((view) => view?.nodes.length === 1);
      await load.more(50);
      out.push(Math.max(0, (lastSeen.get('second') ?? 0) - leaving));
    }
    const result = await load.stop();
    report(test, 'in the zone → first request', inn);
    report(test, 'out of the zone → last request', out);
    assert.deepEqual(result.failures, []);
  });

  it('goes on while the server is away, comes back empty, and is whole again', async () => {
    const load = new Load(url(), 4);
    await server.kill();
    await until((view) => view?.state === 'stale');
    assert.match((await upstream())?.reason ?? '', /the nodes are kept$/);
    await load.more(500);
    await server.restart();
    await until((view) => view?.state === 'ok');
    await server.serve([]);
    await until((view) => view?.state === 'stale');
    assert.match((await upstream())?.reason ?? '', /^there is no name .*; the nodes are kept until /);
    await load.more(200);
    await publish(first);
    await until((view) => view?.state === 'ok');
    const result = await load.stop();
    assert.deepEqual(result.failures, []);
    await server.serve([]);
    await until((view) => view?.nodes.length === 0);
    assert.equal((await fetch(url())).status, 503);
  });
});
