import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { RouteField, streamEndField } from '../../src/telemetry/counters.ts';
import { StreamEnd } from '../../src/telemetry/stream-ends.ts';
import type { StreamEntry } from '../../src/telemetry/stream-entry.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/tcp-backend.ts';
import { UdpFixture } from '../support/udp-fixture.ts';
import { deadUdpPort } from '../support/udp-peer.ts';
import { type UdpPlane, type UdpPlaneOptions, udpRoute } from '../support/udp-plane.ts';

/** The only entry, once it is there. */
async function entryOf(proxy: UdpPlane): Promise<StreamEntry> {
  await until(() => proxy.entries.length > 0);
  assert.equal(proxy.entries.length, 1, 'one entry a session');
  return proxy.entries[0]!;
}

function nodesOf({ tries }: StreamEntry) {
  return tries.map(({ node, outcome }) => [node, outcome]);
}

/** A session under way: one datagram came and was answered. */
async function answered(t: TestContext, options: Partial<UdpPlaneOptions> = {}) {
  const clock = new FakeClock();
  const fixture = new UdpFixture(t);
  const { nodes, proxy } = await fixture.proxy(1, { clock, logged: true, ...options });
  const client = await fixture.client();
  client.send('hello', proxy.port);
  await until(() => client.messages.length === 1);
  return { clock, fixture, proxy, client, node: nodes[0]! };
}

describe('entries of UDP sessions', { timeout: 30_000 }, () => {
  test('say who, where, how much and how long; silence is the usual end', async (t) => {
    const { clock, proxy, client, node } = await answered(t);
    clock.advance(15_000);
    client.send('again!', proxy.port);
    await until(() => client.messages.length === 2);
    node.send('news', node.ports[0]!);
    await until(() => client.messages.length === 3);
    assert.deepEqual(proxy.entries, []);
    clock.advance(34_000);
    const entry = await entryOf(proxy);
    const { durationMs, time } = entry;
    assert.ok(durationMs >= 45_000 && durationMs <= 49_000, `${durationMs}`);
    assert.ok(Math.abs(time + 49_000 - clock.wall()) < 0.001, 'the time of the first datagram');
    assert.deepEqual(
      { ...entry, durationMs: 0, time: 0, tries: nodesOf(entry) },
      {
        time: 0,
        listener: '127.0.0.1:0/udp',
        client: '127.0.0.1',
        clientPort: client.port,
        peer: `127.0.0.1:${client.port}`,
        protocol: 'udp',
        serverName: null,
        tls: null,
        bytesIn: 11,
        bytesOut: 15,
        datagramsIn: 2,
        datagramsOut: 3,
        connectMs: null,
        firstByteMs: 0,
        durationMs: 0,
        route: 'r',
        upstream: 'u',
        tries: [[`127.0.0.1:${node.port}`, 'success']],
        end: { by: 'self', phase: 'relay', reason: StreamEnd.idleTimeout, cause: null },
      },
    );
    assert.equal(proxy.route(streamEndField(StreamEnd.idleTimeout)), 1);
    assert.equal(proxy.route(RouteField.durationSum), durationMs / 1000);
  });

  test('end with the last reply that is due; one that never comes is a fault', async (t) => {
    const { clock, fixture, proxy, client, node } = await answered(t, { plan: { responses: 1 } });
    const { end } = await entryOf(proxy);
    assert.deepEqual(end, { by: 'upstream', phase: 'relay', reason: StreamEnd.answered, cause: null });
    proxy.entries.length = 0;
    node.answer = () => [];
    const other = await fixture.client();
    other.send('hello?', proxy.port);
    await until(() => node.messages.length === 2);
    clock.advance(34_000);
    const silent = await entryOf(proxy);
    assert.deepEqual(silent.end, {
      ...{ by: 'self', phase: 'relay', reason: StreamEnd.idleTimeout, cause: 'IDLE_TIMEOUT' },
    });
    assert.deepEqual(nodesOf(silent), [[`127.0.0.1:${node.port}`, 'timeout']]);
    assert.deepEqual([silent.firstByteMs, silent.datagramsIn, silent.datagramsOut], [null, 1, 0]);
    assert.ok(client.messages.length === 1);
  });

  test('name the eviction, and the shutdown', async (t) => {
    const { fixture, proxy, client } = await answered(t, { plan: { maxSessions: 1 } });
    const second = await fixture.client();
    second.send('room?', proxy.port);
    const { end, clientPort } = await entryOf(proxy);
    assert.deepEqual(end, { by: 'self', phase: 'relay', reason: StreamEnd.evicted, cause: 'EVICTED' });
    assert.equal(clientPort, client.port);
    await until(() => second.messages.length === 1);
    proxy.listener.drain();
    assert.deepEqual(
      proxy.entries.map((entry) => [entry.clientPort, entry.end.cause]),
      [
        [client.port, 'EVICTED'],
        [second.port, 'SHUTDOWN'],
      ],
    );
  });

  test('list the nodes that refused, and the one that took it', async (t) => {
    const fixture = new UdpFixture(t);
    const [dead, node] = [await deadUdpPort(), await fixture.node()];
    const proxy = await fixture.plane({ logged: true, nodes: [dead, node.port], plan: { responses: 1 } });
    const client = await fixture.client();
    client.send('x', proxy.port);
    const entry = await entryOf(proxy);
    assert.deepEqual(nodesOf(entry), [
      [`127.0.0.1:${dead}`, 'connectFailure'],
      [`127.0.0.1:${node.port}`, 'success'],
    ]);
    assert.ok(entry.tries.every(({ micros }) => micros > 0));
  });

  test('are there for sessions that no node, or no route, took', async (t) => {
    const fixture = new UdpFixture(t);
    const client = await fixture.client();
    const breaker = { status: 503, contentType: '', body: null, retryAfterSeconds: 1, slowMicros: 0 };
    const open = await fixture.plane({ logged: true, nodes: [1], upstream: { breaker } });
    open.breakers.open('u'.charCodeAt(0));
    for (const [proxy, phase, reason, cause] of [
      [await fixture.plane({ logged: true, nodes: [] }), 'connect', StreamEnd.noNode, 'NO_NODE'],
      [
        await fixture.plane({ logged: true, nodes: [await deadUdpPort()] }),
        'connect',
        StreamEnd.connectFailed,
        'CONNECT_FAILED',
      ],
      [open, 'connect', StreamEnd.breakerOpen, 'BREAKER_OPEN'],
      [
        await fixture.plane({ logged: true, nodes: [1], routes: [udpRoute({ protocol: 'tcp' })] }),
        ...(['route', StreamEnd.route, 'NO_ROUTE'] as const),
      ],
    ] as const) {
      client.send('x', proxy.port);
      const { end, route, bytesIn } = await entryOf(proxy);
      const by = reason === StreamEnd.connectFailed ? 'upstream' : 'self';
      assert.deepEqual(end, { by, phase, reason, cause });
      assert.equal(route, reason === StreamEnd.route ? null : 'r');
      assert.equal(bytesIn, 1);
      if (route !== null) assert.equal(proxy.route(streamEndField(reason)), 1);
    }
  });

  test('tell full nodes from none, and name the loss of the address that the client wrote to', async (t) => {
    const { fixture, proxy, node } = await answered(t, { upstream: { limited: true } });
    proxy.table.setLimit(proxy.slotOf(node.port), 1);
    const second = await fixture.client();
    second.send('x', proxy.port);
    const full = (await entryOf(proxy)).end;
    assert.deepEqual([full.phase, full.reason, full.cause], ['connect', StreamEnd.nodesFull, 'NODES_FULL']);
    let present = ['127.0.0.1'];
    const address = { host: '0.0.0.0', port: await deadUdpPort() };
    const wide = await answered(t, { plan: { address }, addresses: () => present });
    present = [];
    await wide.clock.run(1500);
    const gone = (await entryOf(wide.proxy)).end;
    assert.deepEqual([gone.phase, gone.reason, gone.cause], ['relay', StreamEnd.addressGone, 'ADDRESS_GONE']);
  });

  test('a session that changes its node often names the last sixteen', async (t) => {
    const fixture = new UdpFixture(t);
    const clock = new FakeClock();
    const { nodes, proxy } = await fixture.proxy(2, { clock, logged: true });
    const client = await fixture.client();
    for (let round = 0; round < 18; round++) {
      proxy.apply({ upstreams: { u: [nodes[round % 2]!.port] } });
      client.send('x', proxy.port);
      await until(() => client.messages.length === round + 1);
    }
    clock.advance(34_000);
    const entry = await entryOf(proxy);
    assert.equal(entry.tries.length, 16);
    assert.equal(entry.tries.at(-1)?.node, `127.0.0.1:${nodes[1]!.port}`);
    assert.equal(entry.datagramsIn, 18);
  });

  test('a datagram above the bound of its source begins no session and leaves no entry', async (t) => {
    const { fixture, proxy } = await answered(t, { plan: { maxSessionsPerSource: 1 } });
    const second = await fixture.client();
    second.send('x', proxy.port);
    await until(() => proxy.log.events.length === 1);
    assert.deepEqual(proxy.entries, []);
  });
});
