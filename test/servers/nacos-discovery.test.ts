import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, afterEach, before, beforeEach, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Follower } from '../support/discovery-follower.ts';
import { freePorts } from '../support/free-port.ts';
import { NACOS_COMMAND, NacosServer, nacosHome } from '../support/nacos.ts';
import { followNacos as follow, nacosQuery as query } from '../support/nacos-follower.ts';
import { serverSuite } from '../support/server-suite.ts';

/** Nacos gathers the changes of a service for this long before it pushes; 500 ms in a server with the usual settings. */
const PUSH_DELAY_MS = 10;
const POLL_MS = 200;
/** An instance with these is unhealthy a second after its last heartbeat. */
const SHORT_BEATS = {
  'preserved.heart.beat.interval': '500',
  'preserved.heart.beat.timeout': '1000',
  'preserved.ip.delete.timeout': '60000',
};

/** Notes when the server's own pushes for a service arrive, as a client beside ours. */
class PushObserver {
  readonly #socket = createSocket('udp4');
  lastAt = 0;

  async subscribe(nacos: NacosServer, service: string): Promise<void> {
    this.#socket.on('message', () => (this.lastAt = performance.now()));
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    const path = `/nacos/v1/ns/instance/list?serviceName=${service}&clientIP=127.0.0.1&udpPort=${this.#socket.address().port}`;
    const response = await fetch(nacos.address + path, { headers: { 'user-agent': 'Nacos-Go-Client:v1.0.0' } });
    await response.text();
  }

  close(): void {
    this.#socket.close();
  }
}

function summary(times: number[]): string {
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1] ?? 0;
  return `median ${median.toFixed(1)} ms, slowest ${times.at(-1)?.toFixed(1)} ms`;
}

async function measure(
  test: TestContext,
  nacos: NacosServer,
  follower: Follower,
  what: string,
): Promise<readonly number[]> {
  const service = what.replaceAll(' ', '-');
  const web = query(service);
  const observer = new PushObserver();
  await observer.subscribe(nacos, service);
  follower.sets.want([web]);
  await follower.count(web, 0);
  const up: number[] = [];
  const down: number[] = [];
  const afterPush: number[] = [];
  const change = async (act: () => Promise<unknown>, nodes: number, times: number[]) => {
    const start = performance.now();
    await act();
    await follower.count(web, nodes);
    const seen = performance.now();
    times.push(seen - start);
    // Long enough for the slower of the two packets.
    await pause(300);
    afterPush.push(Math.max(0, seen - observer.lastAt));
  };
  for (let round = 0; round < 10; round++) {
    await change(() => nacos.register(service, 9000), 1, up);
    await change(() => nacos.deregister(service, 9000), 0, down);
  }
  observer.close();
  test.diagnostic(`${what}: register → node set: ${summary(up)}`);
  test.diagnostic(`${what}: deregister → node set: ${summary(down)}`);
  return afterPush;
}

serverSuite('a real Nacos', nacosHome(), NACOS_COMMAND, (home) => {
  let nacos: NacosServer;
  let follower: Follower;

  before(async () => {
    nacos = await NacosServer.start(home, [`nacos.naming.push.pushTaskDelay=${PUSH_DELAY_MS}`]);
  });
  after(() => nacos?.stop());
  beforeEach(() => {
    follower = follow([nacos.address]);
  });
  afterEach(() => follower.close());

  it('tells of changes by push', async (test) => {
    const afterPush = await measure(test, nacos, follower, `push after ${PUSH_DELAY_MS} ms`);
    test.diagnostic(`packet of the server → node set: ${summary([...afterPush])}`);
  });

  it('tells of changes when it is asked', async (test) => {
    const polling = follow([nacos.address], { push: false, fetchInterval: POLL_MS });
    try {
      await measure(test, nacos, polling, `poll every ${POLL_MS} ms`);
    } finally {
      await polling.close();
    }
  });

  it('carries weights, metadata and the cluster', async () => {
    await nacos.register('rich', 9001, { weight: '0.25', metadata: '{"zone":"z1"}', clusterName: 'east' });
    await nacos.register('rich', 9002, { weight: '3', clusterName: 'west' });
    await nacos.register('rich', 9003, { weight: '0', clusterName: 'west' });
    const east = query('rich', { cluster: 'east' });
    follower.sets.want([query('rich'), east]);
    const { nodes } = await follower.count(query('rich'), 3);
    assert.deepEqual(
      nodes.map(({ port, weight }) => [port, weight]),
      [
        [9001, 25],
        [9002, 300],
        [9003, 0],
      ],
    );
    assert.deepEqual(nodes[0]?.metadata, { cluster: 'east', zone: 'z1' });
    assert.equal((await follower.count(east, 1)).nodes[0]?.port, 9001);
  });

  it('keeps namespaces and groups apart', async () => {
    await nacos.register('apart', 9004);
    await nacos.register('apart', 9005, { groupName: 'blue' });
    await nacos.register('apart', 9006, { namespaceId: 'test-space' });
    const blue = query('apart', { group_name: 'blue' });
    const space = query('apart', { namespace_id: 'test-space' });
    follower.sets.want([query('apart'), blue, space, query('blue@@apart')]);
    assert.equal((await follower.count(query('apart'), 1)).nodes[0]?.port, 9004);
    assert.equal((await follower.count(blue, 1)).nodes[0]?.port, 9005);
    assert.equal((await follower.count(query('blue@@apart'), 1)).nodes[0]?.port, 9005);
    assert.equal((await follower.count(space, 1)).nodes[0]?.port, 9006);
  });

  it('takes out an instance that is disabled, and one whose heartbeats end', async () => {
    await nacos.register('beats', 9007, { metadata: JSON.stringify(SHORT_BEATS) });
    await nacos.register('beats', 9008);
    follower.sets.want([query('beats')]);
    await follower.count(query('beats'), 2);
    assert.equal((await follower.count(query('beats'), 1)).nodes[0]?.port, 9008);
    await nacos.send('PUT', '/v1/ns/instance?serviceName=beats&ip=127.0.0.1&port=9008&enabled=false');
    await follower.count(query('beats'), 0);
  });

  it('follows the health of persistent instances, which the server checks itself', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const [closed = 0] = await freePorts(1);
    try {
      for (const each of [port, closed]) await nacos.register('fixed', each, { ephemeral: 'false' });
      follower.sets.want([query('fixed')]);
      const healthy = await follower.until(query('fixed'), ({ nodes }) => nodes.length === 1);
      assert.equal(healthy.nodes[0]?.port, port);
    } finally {
      listener.close();
    }
  });

  it('lists the catalogue with the routing options of the instances', async () => {
    await nacos.register('routed', 9011, { metadata: '{"headgate.host":"api.example.com"}' });
    const listing = follow([nacos.address], { catalog: true, metadataRoutes: true, fetchInterval: POLL_MS });
    try {
      listing.catalogs.want(['nacos']);
      await listing.listed('routed', 'headgate.host=api.example.com');
    } finally {
      await listing.close();
    }
  });

  it('goes over to the next server when one is not there', async () => {
    await nacos.register('moved', 9012);
    const other = follow(['http://127.0.0.1:1', nacos.address]);
    try {
      other.sets.want([query('moved')]);
      await other.count(query('moved'), 1);
    } finally {
      await other.close();
    }
  });
});
