import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { ListenerField, RouteField } from '../../src/telemetry/counters.ts';
import { Health } from '../../src/upstream/node-table.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { turns, until } from '../support/plane.ts';
import { UdpFixture } from '../support/udp-fixture.ts';
import { deadUdpPort, type UdpPeer } from '../support/udp-peer.ts';
import { udpRoute } from '../support/udp-plane.ts';

describe('UDP session', { timeout: 60_000 }, () => {
  test('a refused datagram goes to another node at once, and the refusing one is left alone', async (t) => {
    const fixture = new UdpFixture(t);
    const dead = await deadUdpPort();
    const node = await fixture.node();
    const proxy = await fixture.plane({ nodes: [dead, node.port] });
    const client = await fixture.client();
    for (const text of ['one', 'two', 'three']) client.send(text, proxy.port);
    await until(() => client.messages.length === 3);
    assert.deepEqual(client.texts, ['one', 'two', 'three']);
    assert.ok(proxy.table.demotedUntil(proxy.slotOf(dead)) > 0);
    assert.equal(proxy.outcome(dead, Outcome.connectFailure), 1);
    assert.equal(proxy.route(RouteField.retries), 1);
    const second = await fixture.client();
    second.send('four', proxy.port);
    await until(() => second.messages.length === 1);
    assert.equal(proxy.outcome(dead, Outcome.connectFailure), 1, 'the next session does not try it');
    assert.equal(proxy.count(ListenerField.refusedNode), 0);
  });

  test('when every node refuses the session ends; the next datagram tries again', async (t) => {
    const fixture = new UdpFixture(t);
    const dead = await deadUdpPort();
    const other = await deadUdpPort();
    const proxy = await fixture.plane({ nodes: [dead, other] });
    const client = await fixture.client();
    client.send('anyone?', proxy.port);
    await until(() => proxy.count(ListenerField.refusedNode) === 1);
    assert.equal(proxy.sessions, 0);
    assert.equal(proxy.outcome(dead, Outcome.connectFailure), 1);
    assert.equal(proxy.outcome(other, Outcome.connectFailure), 1);
    const { event, fields, message } = proxy.log.events[0]!;
    assert.deepEqual([event, fields.reason, fields.route], ['udp.unserved', 'no-node', 'r']);
    assert.match(message, /^can't reach 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    const node = await fixture.node('127.0.0.1', dead);
    client.send('now?', proxy.port);
    await until(() => client.messages.length === 1);
    assert.deepEqual(node.texts, ['now?']);
  });

  test('`retries` bounds the search', async (t) => {
    const fixture = new UdpFixture(t);
    const node = await fixture.node();
    const nodes = [await deadUdpPort(), await deadUdpPort(), node.port];
    const proxy = await fixture.plane({ nodes, upstream: { retries: 1 } });
    const client = await fixture.client();
    client.send('x', proxy.port);
    await until(() => proxy.count(ListenerField.refusedNode) === 1);
    assert.deepEqual(node.messages, []);
  });

  test('an upstream without nodes is an event, and no session', async (t) => {
    const fixture = new UdpFixture(t);
    const proxy = await fixture.plane({ nodes: [] });
    const client = await fixture.client();
    client.send('x', proxy.port);
    await until(() => proxy.count(ListenerField.refusedNode) === 1);
    assert.equal(proxy.log.events[0]!.message, 'upstream u has no node');
  });

  test('a node that dies in the middle: what it has not answered goes to another one', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1);
    const [first] = nodes;
    const second = await fixture.node();
    proxy.apply({ upstreams: { u: [first!.port, second.port] } });
    const client = await fixture.client();
    client.send('alive', proxy.port);
    await until(() => client.messages.length === 1);
    const dead = await deadUdpPort();
    proxy.apply({ upstreams: { u: [dead, second.port] } });
    client.send('moved', proxy.port);
    await until(() => client.messages.length === 2);
    assert.deepEqual(second.texts, ['moved']);
    assert.equal(proxy.sessions, 1);
  });

  test('a port that closes during a session is a reset, and the session goes on elsewhere', async (t) => {
    const fixture = new UdpFixture(t);
    const port = await deadUdpPort();
    const first = await fixture.node('127.0.0.1', port);
    const second = await fixture.node();
    const proxy = await fixture.plane({ nodes: [port, second.port] });
    const client = await fixture.client();
    client.send('a', proxy.port);
    await until(() => client.messages.length === 1);
    first.socket.close();
    first.close = async () => {};
    await turns(5);
    client.send('b', proxy.port);
    await until(() => client.messages.length === 2);
    assert.deepEqual(second.texts, ['b']);
    assert.equal(proxy.outcome(port, Outcome.reset), 1);
    assert.equal(proxy.sessions, 1);
  });

  test('a node that leaves gets nothing more; what it was asked it may still answer', async (t) => {
    const clock = new FakeClock();
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(2, { clock });
    const [leaving, staying] = nodes;
    leaving!.answer = () => [];
    const client = await fixture.client();
    client.send('slow question', proxy.port);
    await until(() => leaving!.messages.length === 1);
    proxy.apply({ upstreams: { u: [staying!.port] } });
    client.send('next', proxy.port);
    await until(() => client.messages.length === 1);
    assert.deepEqual(staying!.texts, ['next']);
    assert.equal(proxy.inflight, 2);
    leaving!.send('slow answer', leaving!.ports[0]!);
    await until(() => client.messages.length === 2);
    assert.deepEqual(client.texts, ['next', 'slow answer']);
    clock.advance(5300);
    assert.equal(proxy.inflight, 1, 'its time is over');
    leaving!.send('too late', leaving!.ports[0]!);
    client.send('last', proxy.port);
    await until(() => client.messages.length === 3);
    assert.deepEqual(client.texts, ['next', 'slow answer', 'last']);
    assert.equal(proxy.outcome(leaving!.port, Outcome.success), 1);
  });

  test('a node that turns unhealthy is left with the next datagram, unless all are', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(2);
    const [first, second] = nodes;
    const client = await fixture.client();
    const talk = async (text: string) => {
      const before = client.messages.length;
      client.send(text, proxy.port);
      await until(() => client.messages.length > before);
    };
    const judge = (port: number, health: Health) => {
      proxy.table.setHealth(proxy.slotOf(port), health);
      proxy.table.bump('u'.charCodeAt(0));
    };
    await talk('a');
    judge(first!.port, Health.unhealthy);
    await talk('b');
    assert.deepEqual([first!.texts, second!.texts], [['a'], ['b']]);
    judge(second!.port, Health.unhealthy);
    await talk('c');
    judge(first!.port, Health.healthy);
    judge(first!.port, Health.unhealthy);
    await talk('d');
    assert.deepEqual(second!.texts, ['b', 'c', 'd'], 'with no better node the session stays where it is');
    assert.equal(second!.ports.length, 1);
  });

  test('a drained node keeps its sessions, a disabled one does not', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(2);
    const [first, second] = nodes;
    const old = await fixture.client();
    const talk = async (client: UdpPeer) => {
      const before = client.messages.length;
      client.send('x', proxy.port);
      await until(() => client.messages.length > before);
    };
    const order = (state: 'drain' | 'disable') => {
      const override = { state, weight: null };
      proxy.apply({ upstreams: { u: [{ host: '127.0.0.1', port: first!.port, override }, second!.port] } });
    };
    await talk(old);
    order('drain');
    await talk(old);
    await talk(await fixture.client());
    assert.deepEqual([first!.messages.length, second!.messages.length], [2, 1]);
    order('disable');
    await talk(old);
    assert.deepEqual([first!.messages.length, second!.messages.length], [2, 2]);
  });

  test('an open circuit breaker refuses new sessions', async (t) => {
    const fixture = new UdpFixture(t);
    const breaker = { status: 503, contentType: '', body: null, retryAfterSeconds: 1, slowMicros: 0 };
    const { nodes, proxy } = await fixture.proxy(1, { upstream: { breaker } });
    proxy.breakers.open('u'.charCodeAt(0));
    const client = await fixture.client();
    client.send('x', proxy.port);
    await until(() => proxy.count(ListenerField.refusedNode) === 1);
    assert.match(proxy.log.events[0]!.message, /circuit breaker is open/);
    assert.deepEqual(nodes[0]!.messages, []);
  });

  test('reloads and nodes that come do not touch sessions', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(2);
    const [first, second] = nodes;
    const client = await fixture.client();
    for (let round = 1; round <= 20; round++) {
      client.send(`${round}`, proxy.port);
      await until(() => client.messages.length === round);
      const order = round % 2 === 0 ? [first!.port, second!.port] : [second!.port, first!.port];
      proxy.apply({ upstreams: { u: order }, routes: [udpRoute({})] });
    }
    assert.equal(first!.messages.length, 20);
    assert.equal(first!.ports.length, 1);
    assert.equal(proxy.count(ListenerField.accepted), 1);
  });

  test('a session follows its route to another upstream, and ends without one', async (t) => {
    const fixture = new UdpFixture(t);
    const { nodes, proxy } = await fixture.proxy(1);
    const other = await fixture.node();
    const client = await fixture.client();
    client.send('first', proxy.port);
    await until(() => client.messages.length === 1);
    proxy.apply({ upstreams: { v: [other.port] }, routes: [udpRoute({ upstreamId: 'v' })] });
    client.send('second', proxy.port);
    await until(() => client.messages.length === 2);
    assert.deepEqual([nodes[0]!.texts, other.texts], [['first'], ['second']]);
    assert.equal(proxy.outcome(nodes[0]!.port, Outcome.success), 1);
    proxy.apply({ routes: [] });
    client.send('third', proxy.port);
    await until(() => proxy.sessions === 0);
    assert.equal(proxy.log.events[0]!.fields.reason, 'no-route');
  });

  test('nothing is sent in the clear to nodes that speak TLS, whatever a route says', async (t) => {
    const fixture = new UdpFixture(t);
    const tls = { serverName: null, verify: true, ca: null, cert: null, key: null };
    const upstream = { stream: { proxyProtocol: 0, tls, closeAfter: null } } as const;
    const { nodes, proxy } = await fixture.proxy(1, { upstream });
    const client = await fixture.client();
    client.send('secret', proxy.port);
    await until(() => proxy.count(ListenerField.refusedRoute) === 1);
    assert.equal(proxy.log.events[0]!.fields.reason, 'no-route');
    assert.deepEqual(nodes[0]!.messages, []);
  });

  test('the name of a node is looked up while the first datagrams wait, in order and bounded', async (t) => {
    const fixture = new UdpFixture(t);
    const node4 = await fixture.node();
    const proxy = await fixture.plane({ nodes: [{ host: 'localhost', port: node4.port }] });
    // The name may stand for ::1 first: then the refusal of the IPv6 port is what is seen, unless a node is there too.
    await fixture.node('::1', node4.port);
    const client = await fixture.client();
    const texts = Array.from({ length: 12 }, (_, index) => `${index}`);
    for (const text of texts) client.send(text, proxy.port);
    await until(() => client.messages.length + proxy.count(ListenerField.dropped) === 12);
    assert.deepEqual(client.texts, texts.slice(0, client.messages.length));
    assert.ok(client.messages.length >= 8);
  });

  test('a name without an address is a node that can not be reached', async (t) => {
    const fixture = new UdpFixture(t);
    const node = await fixture.node();
    const nodes = [
      { host: 'no-such-name.invalid', port: 53 },
      { host: '127.0.0.1', port: node.port },
    ];
    const proxy = await fixture.plane({ nodes });
    const client = await fixture.client();
    client.send('x', proxy.port);
    await until(() => client.messages.length === 1);
    assert.equal(proxy.route(RouteField.retries), 1);
  });

  test('a consistent hash is told the address of the client, others nothing', async (t) => {
    for (const hash of [{ on: 'vars', key: 'remote_addr' } as const, null]) {
      const fixture = new UdpFixture(t);
      const { proxy } = await fixture.proxy(1, { upstream: { hash } });
      const clients = [await fixture.client(), await fixture.client(), await fixture.client('127.0.0.2')];
      for (const client of clients) {
        client.send('x', proxy.port);
        await until(() => client.messages.length === 1);
      }
      const [a, b, c] = proxy.hashes;
      if (hash === null) assert.deepEqual([a, b, c], [0, 0, 0]);
      else assert.ok(a !== 0 && a === b && a !== c, `${proxy.hashes}`);
    }
  });

  test('bytes of a long session are counted while it lasts', async (t) => {
    const clock = new FakeClock();
    const fixture = new UdpFixture(t);
    const { proxy } = await fixture.proxy(1, { clock });
    const client = await fixture.client();
    client.send('12345', proxy.port);
    await until(() => client.messages.length === 1);
    assert.equal(proxy.route(RouteField.requestBytes), 0);
    clock.advance(10_500);
    assert.equal(proxy.route(RouteField.requestBytes), 5);
    assert.equal(proxy.count(ListenerField.sentBytes), 5);
  });
});
