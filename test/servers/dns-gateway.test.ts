import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpstreamView } from '../../src/admin/views.ts';
import { reportTimes } from '../support/discovery-follower.ts';
import { COREDNS_COMMAND, coreDnsBinary, DnsServer, ZONE } from '../support/dns-servers.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { Load } from '../support/load.ts';
import { NodeProcess } from '../support/node-process.ts';
import { RouteTimer, took } from '../support/route-timer.ts';
import { serverSuite } from '../support/server-suite.ts';

const ROUNDS = 5;
const SERVICE = `_http._tcp.web.${ZONE}`;

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
    const timer = new RouteTimer(url());
    const inn: number[] = [];
    const out: number[] = [];
    const gone = async () => (await upstream())?.nodes.length === 1;
    for (let round = 0; round < ROUNDS; round++) {
      // Not in step with the questions.
      await pause(130 * round);
      inn.push(took(await timer.comesIn('second', () => publish(first, second))));
      out.push(took(await timer.goesOut('second', () => publish(first), gone)));
    }
    const result = await timer.stop();
    reportTimes(test, 'in the zone (TTL 1 s) → first request', inn);
    reportTimes(test, 'out of the zone → last request', out);
    assert.deepEqual(result.failures, []);
  });

  it('gives the nodes up when the name has been gone for as long as it is held', async () => {
    const load = new Load(url(), 4);
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
