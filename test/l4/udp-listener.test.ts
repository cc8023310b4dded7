import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { ListenerField, NodeField, RouteField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { turns, until } from '../support/plane.ts';
import { UdpFixture } from '../support/udp-fixture.ts';
import { deadUdpPort, UdpPeer } from '../support/udp-peer.ts';
import { UdpPlane, udpListenerPlan, udpRoute } from '../support/udp-plane.ts';

describe('UDP listener', { timeout: 60_000 }, () => {
  test('relays both ways, and counts bytes, sessions and uses exactly', async (t) => {
    const clock = new FakeClock();
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1, { clock });
    const client = await fixture.client();
    client.send('hello', proxy.port);
    await until(() => client.messages.length === 1);
    client.send('again!', proxy.port);
    await until(() => client.messages.length === 2);
    assert.deepEqual(client.texts, ['hello', 'again!']);
    assert.deepEqual(client.ports, [proxy.port], 'replies come from where the client wrote to');
    assert.equal(nodes[0]!.ports.length, 1, 'one upstream socket a session');
    assert.equal(proxy.sessions, 1);
    assert.equal(proxy.inflight, 1);
    clock.advance(29_900);
    assert.equal(proxy.sessions, 1);
    clock.advance(4000);
    assert.equal(proxy.sessions, 0, 'silence ended it');
    const { port } = nodes[0]!;
    assert.equal(proxy.outcome(port, Outcome.success), 1);
    assert.equal(proxy.route(RouteField.requestBytes), 11);
    assert.equal(proxy.route(RouteField.responseBytes), 11);
    assert.equal(proxy.count(ListenerField.receivedBytes), 11);
    assert.equal(proxy.count(ListenerField.sentBytes), 11);
    assert.equal(proxy.node(port, NodeField.sentBytes), 11);
    assert.equal(proxy.node(port, NodeField.receivedBytes), 11);
    assert.equal(proxy.node(port, NodeField.connects), 1);
    assert.equal(proxy.count(ListenerField.accepted), 1);
    assert.equal(proxy.count(ListenerField.closed), 1);
    assert.equal(proxy.count(ListenerField.refused), 0);
    assert.ok(proxy.table.latency(proxy.slotOf(port)) > 0, 'the time to the first reply is the latency');
    clock.advance(10_000);
    assert.equal(proxy.wheel.size, 0, 'an empty listener keeps no timer');
  });

  test('each port of a client has a session and a port of its own, and its replies only', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1);
    const clients = await Promise.all([1, 2, 3, 4].map(() => fixture.client()));
    for (const [index, client] of clients.entries()) client.send(`from ${index}`, proxy.port);
    await until(() => clients.every((client) => client.messages.length === 1));
    assert.deepEqual(
      clients.map(({ texts }) => texts),
      [['from 0'], ['from 1'], ['from 2'], ['from 3']],
    );
    assert.equal(nodes[0]!.ports.length, 4);
  });

  test('what the node sends by itself reaches the client, and keeps the session', async (t) => {
    const clock = new FakeClock();
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1, { clock });
    const node = nodes[0]!;
    const client = await fixture.client();
    client.send('subscribe', proxy.port);
    await until(() => client.messages.length === 1);
    for (let round = 2; round <= 5; round++) {
      clock.advance(20_000);
      node.send(`news ${round}`, node.ports[0]!);
      await until(() => client.messages.length === round);
    }
    assert.equal(proxy.sessions, 1);
  });

  test('with `responses` a session ends with the last reply that is due, however many are asked at once', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1, { plan: { responses: 2 } });
    const node = nodes[0]!;
    const asked: string[] = [];
    node.answer = (message, count) => {
      asked.push(String(message));
      return count < 3 ? [] : asked.flatMap((text) => [`${text}1`, `${text}2`]);
    };
    const client = await fixture.client();
    for (const text of ['a', 'b', 'c']) client.send(text, proxy.port);
    await until(() => client.messages.length === 6);
    assert.deepEqual(client.texts, ['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
    assert.equal(proxy.sessions, 0);
    assert.equal(proxy.outcome(node.port, Outcome.success), 1);
    node.send('late', node.ports[0]!);
    client.send('d', proxy.port);
    await until(() => node.messages.length === 4);
    assert.equal(node.ports.length, 2, 'the next one has a new port');
    assert.equal(client.texts.includes('late'), false, 'nothing is sent for a session that is over');
  });

  test('silence of a node counts against it only where a reply is due', async (t) => {
    for (const responses of [null, 1]) {
      const clock = new FakeClock();
      const fixture = new UdpFixture(t);
      const { nodes, proxy } = await fixture.proxy(1, { clock, plan: { responses } });
      nodes[0]!.answer = () => [];
      const client = await fixture.client();
      client.send('log line', proxy.port);
      await until(() => nodes[0]!.messages.length === 1);
      clock.advance(34_000);
      assert.equal(proxy.sessions, 0);
      assert.equal(proxy.outcome(nodes[0]!.port, responses === null ? Outcome.aborted : Outcome.timeout), 1);
    }
  });

  for (const [name, size] of [
    ['empty', 0],
    ['the largest', 65_507],
  ] as const) {
    test(`${name} datagrams pass both ways`, async (t) => {
      const fixture = new UdpFixture(t);
      const { proxy } = await fixture.proxy(1);
      const client = await fixture.client();
      client.send(Buffer.alloc(size, 7), proxy.port);
      await until(() => client.messages.length === 1);
      assert.equal(client.messages[0]!.size, size);
      assert.equal(proxy.count(ListenerField.dropped), 0);
    });
  }

  test('IPv6 in front, IPv6 and IPv4 behind', async (t) => {
    const fixture = new UdpFixture(t);
    const node6 = await fixture.node('::1');
    const node4 = await fixture.node();
    const client = await fixture.client('::1');
    for (const node of [
      { host: '::1', port: node6.port },
      { host: '127.0.0.1', port: node4.port },
    ]) {
      const address = { host: '::1', port: 0 };
      const proxy = await fixture.plane({ nodes: [node], plan: { address } });
      const before = client.messages.length;
      client.send(`to ${node.host}`, proxy.port, '::1');
      await until(() => client.messages.length === before + 1);
      assert.equal(client.messages.at(-1)!.from.address, '::1');
    }
    assert.deepEqual([node6.texts, node4.texts], [['to ::1'], ['to 127.0.0.1']]);
  });

  test('a client that no route takes gets nothing; one event tells of many', async (t) => {
    const fixture = new UdpFixture(t);
    const routes = [udpRoute({ protocol: 'tcp' }), udpRoute({ remoteAddrs: ['127.0.0.9/32'] })];
    const { nodes, proxy } = await fixture.proxy(1, { routes });
    const stranger = await fixture.client();
    const known = await fixture.client('127.0.0.9');
    for (let count = 0; count < 3; count++) stranger.send('x', proxy.port);
    await until(() => proxy.count(ListenerField.refusedRoute) === 3);
    known.send('y', proxy.port);
    await until(() => known.messages.length === 1);
    assert.deepEqual(nodes[0]!.texts, ['y']);
    assert.deepEqual(stranger.messages, []);
    assert.deepEqual(
      proxy.log.events.map(({ event, fields }) => [event, fields?.reason]),
      [['udp.unserved', 'no-route']],
    );
  });

  test('above the cap the session unused for longest ends, and is counted', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1, { plan: { maxSessions: 3 } });
    const clients = await Promise.all([0, 1, 2, 3].map(() => fixture.client()));
    const talk = async (index: number) => {
      const before = clients[index]!.messages.length;
      clients[index]!.send(`c${index}`, proxy.port);
      await until(() => clients[index]!.messages.length > before);
    };
    for (const index of [0, 1, 2, 0]) await talk(index);
    assert.equal(proxy.count(ListenerField.evicted), 0);
    await talk(3);
    assert.equal(proxy.sessions, 3);
    assert.equal(proxy.count(ListenerField.evicted), 1);
    const before = nodes[0]!.ports.length;
    await talk(0);
    await talk(2);
    assert.equal(nodes[0]!.ports.length, before, 'these were kept');
    await talk(1);
    assert.equal(nodes[0]!.ports.length, before + 1, 'this one was ended');
    assert.equal(proxy.outcome(nodes[0]!.port, Outcome.success), 2);
  });

  test('one client address has no more sessions than it may', async (t) => {
    const fixture = new UdpFixture(t);
    const { proxy } = await fixture.proxy(1, { plan: { maxSessionsPerSource: 2 } });
    const greedy = await Promise.all([1, 2, 3].map(() => fixture.client()));
    const modest = await fixture.client('127.0.0.2');
    for (const client of greedy.slice(0, 2)) client.send('mine', proxy.port);
    await until(() => greedy.slice(0, 2).every((client) => client.messages.length === 1));
    greedy[2]!.send('too many', proxy.port);
    modest.send('mine', proxy.port);
    await until(() => modest.messages.length === 1 && proxy.count(ListenerField.refusedSource) === 1);
    assert.equal(proxy.sessions, 3);
    assert.deepEqual(greedy[2]!.messages, []);
    assert.equal(proxy.log.events[0]!.event, 'udp.source-full');
  });

  test('a flood of sources holds no more than the cap, and a client that talks on is served', async (t) => {
    const fixture = new UdpFixture(t);
    const { proxy } = await fixture.proxy(1, { plan: { maxSessions: 64 } });
    const steady = await fixture.client();
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let round = 0; round < 40; round++) {
      const flood = await Promise.all(Array.from({ length: 50 }, () => UdpPeer.open()));
      for (const peer of flood) peer.send(Buffer.alloc(2000), proxy.port);
      steady.send(`${round}`, proxy.port);
      await until(() => steady.messages.length === round + 1);
      await Promise.all(flood.map((peer) => peer.close()));
      assert.ok(proxy.sessions <= 64);
      assert.ok(proxy.inflight <= 64);
    }
    await until(() => descriptors() <= before + 64 + 2);
    assert.equal(steady.ports.length, 1);
    assert.ok(proxy.count(ListenerField.evicted) >= 1900);
    assert.ok(proxy.wheel.size <= 2);
  });

  test('draining takes no new clients, lets what was asked be answered, and ends the rest', async (t) => {
    // A clock that stands still: it is the answer that ends the session, not the time.
    const clock = new FakeClock();
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1, { clock });
    const [idle, asking, late] = await Promise.all([1, 2, 3].map(() => fixture.client()));
    idle!.send('done', proxy.port);
    await until(() => idle!.messages.length === 1);
    const node = nodes[0]!;
    node.answer = () => [];
    asking!.send('slow question', proxy.port);
    await until(() => node.messages.length === 2);
    proxy.listener.drain();
    proxy.listener.drain();
    assert.equal(proxy.sessions, 1);
    late!.send('hello?', proxy.port);
    const closed = proxy.listener.close(clock.now() + 60_000);
    await turns(5);
    node.send('slow answer', node.messages[1]!.from.port);
    await closed;
    await until(() => asking!.messages.length === 1);
    assert.deepEqual(asking!.texts, ['slow answer']);
    assert.equal(node.messages.length, 2, 'the late client was not served');
  });

  test('a drain does not wait longer than five seconds, a close not after its deadline', async (t) => {
    for (const wait of [3000, 60_000]) {
      const clock = new FakeClock();
      const fixture = new UdpFixture(t);
      const { nodes, proxy } = await fixture.proxy(1, { clock });
      nodes[0]!.answer = () => [];
      const client = await fixture.client();
      client.send('into the void', proxy.port);
      await until(() => nodes[0]!.messages.length === 1);
      const closed = proxy.listener.close(clock.now() + wait);
      clock.advance(2900);
      assert.equal(proxy.sessions, 1);
      await clock.run(2400);
      assert.equal(proxy.sessions, 0);
      await closed;
      assert.equal(proxy.outcome(nodes[0]!.port, Outcome.aborted), 1);
    }
  });

  test('a port in use is an error that says what to do; closing after it is harmless', async (t) => {
    const fixture = new UdpFixture(t);
    const { proxy } = await fixture.proxy(1);
    const address = { host: '127.0.0.1', port: proxy.port };
    const rival = new UdpPlane({ nodes: [], plan: udpListenerPlan({ address, name: `127.0.0.1:${proxy.port}/udp` }) });
    await assert.rejects(rival.start(), (error) => {
      assert.ok(error instanceof HeadgateError);
      assert.equal(error.code, 'LISTEN_FAILED');
      assert.match(error.message, /another program listens there/);
      return true;
    });
    await rival.close();
  });

  test('on all addresses, each reply leaves from the address that was written to, and addresses are followed', async (t) => {
    const clock = new FakeClock();
    const fixture = new UdpFixture(t);
    let present = ['127.0.0.1', '127.0.0.2'];
    const addresses = (wildcard: string) => (wildcard === '0.0.0.0' ? present : []);
    const port = await deadUdpPort();
    const address = { host: '0.0.0.0', port };
    const { proxy, nodes } = await fixture.proxy(1, { clock, addresses, plan: { address } });
    const client = await fixture.client();
    const ask = async (host: string) => {
      const before = client.messages.length;
      client.send(host, port, host);
      await until(() => client.messages.length > before);
      const { text, from } = client.messages.at(-1)!;
      assert.deepEqual([text, from.address, from.port], [host, host, port]);
    };
    await ask('127.0.0.1');
    await ask('127.0.0.2');
    assert.equal(proxy.sessions, 2, 'a session for each local address');
    assert.equal(nodes[0]!.ports.length, 2);
    present = ['127.0.0.2', '127.0.0.3'];
    await clock.run(1500);
    await until(() => proxy.sessions === 1);
    await turns(20);
    await ask('127.0.0.3');
    await ask('127.0.0.2');
    assert.equal(nodes[0]!.ports.length, 3, 'the session of the address that stayed goes on');
    client.send('gone', port, '127.0.0.1');
    await turns(20);
    assert.equal(nodes[0]!.texts.includes('gone'), false);
  });
});
