import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpstreamView } from '../../src/admin/views.ts';
import { EUREKA_COMMAND, EurekaServer, eurekaJar } from '../support/eureka.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { Load } from '../support/load.ts';
import { NodeProcess } from '../support/node-process.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a gateway on a real Eureka', eurekaJar(), EUREKA_COMMAND, (jar) => {
  let eureka: EurekaServer;
  let headgate: HeadgateProcess;
  let first: NodeProcess;
  let second: NodeProcess;

  const metadata = { 'headgate.path': '/' };
  const url = () => `http://127.0.0.1:${headgate.httpPort}/`;
  const upstream = async () => (await headgate.admin<UpstreamView[]>('/v1/upstreams'))[0];
  const own = async () => (await eureka.instances('GATEWAY'))[0];

  before(async () => {
    eureka = await EurekaServer.start(jar);
    headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      discovery: { eureka: { host: [eureka.address], fetch_interval: 0.2 } },
      register: {
        eureka: {
          name: 'gateway',
          address: '127.0.0.1',
          port: 9080,
          metadata: { zone: 'z1' },
          lease: { renewal_interval: 1, duration: 30 },
        },
      },
      shutdown: { delay: 1.5, drain: 2 },
    });
    first = await NodeProcess.start('first');
    second = await NodeProcess.start('second');
  });

  after(async () => {
    await headgate?.stop();
    await eureka?.stop();
    await first?.kill();
    await second?.kill();
  });

  it('is itself registered, and up when it is ready', async () => {
    while ((await own())?.status !== 'UP') await pause(50);
    assert.deepEqual((await own())?.metadata, { zone: 'z1' });
  });

  it('routes a service by the metadata of its instances', async () => {
    assert.equal((await fetch(url())).status, 404);
    for (const node of [first, second]) await eureka.register('web', node.port, { metadata });
    await headgate.event('route.added');
    while ((await upstream())?.nodes.length !== 2) await pause(20);
    const seen = new Set<string>();
    while (seen.size < 2) seen.add(await (await fetch(url())).text());
  });

  it('follows a deregistration, an outage, an empty restart and one that fills up without a failed request', async () => {
    let load = new Load(url(), 4);
    await eureka.deregister('web', second.port);
    while ((await upstream())?.nodes.length !== 1) await pause(20);
    await eureka.register('web', second.port, { metadata });
    while ((await upstream())?.nodes.length !== 2) await pause(20);
    const lost = headgate.events.length;
    await eureka.kill();
    await headgate.event('discovery.source-lost', lost);
    await load.more(200);
    assert.equal((await upstream())?.state, 'stale');
    assert.deepEqual((await load.stop()).failures, []);
    // Without load: the server needs the processor to start.
    await eureka.restart();
    await headgate.event('discovery.held', lost);
    load = new Load(url(), 4);
    await load.more(200);
    assert.equal((await upstream())?.nodes.length, 2);
    for (const node of [first, second]) await eureka.register('web', node.port, { metadata });
    await headgate.event('discovery.recovered', lost);
    await load.more(200);
    assert.deepEqual((await load.stop()).failures, []);
  });

  it('registers itself anew in a server that has forgotten it', async () => {
    await headgate.event('registration.made');
    while ((await own())?.status !== 'UP') await pause(100);
  });

  it('deregisters before it stops serving', async () => {
    headgate.signal('SIGTERM');
    await headgate.event('registration.ended');
    // The server answers from a cache for a moment.
    while (await own()) await pause(20);
    assert.ok(['first', 'second'].includes(await (await fetch(url())).text()));
    assert.equal((await headgate.exited()).code, 0);
    const names = headgate.events.map(({ event }) => event);
    assert.ok(names.indexOf('registration.ended') < names.indexOf('shutdown.draining'));
  });
});
