import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { TcpListener } from '../../src/l4/tcp-listener.ts';
import { ListenerField, NodeField, RouteField } from '../../src/telemetry/counters.ts';
import { Snapshot } from '../../src/upstream/snapshot.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { BlackHole, deadPort, TcpClient, until } from '../support/tcp-backend.ts';
import { backend, client, closeAll, outcome, owned, plane } from '../support/tcp-fixture.ts';
import { listenerPlan, streamRoute, type TcpPlane } from '../support/tcp-plane.ts';

describe('TCP listener', { timeout: 30_000 }, () => {
  afterEach(closeAll);

  test('relays both ways, passes each FIN on, and counts bytes and uses exactly', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port] });
    const peer = await client(proxy);
    peer.socket.write('hello');
    await until(() => peer.text === 'hello');
    assert.equal(proxy.inflight, 1);
    assert.equal(proxy.listener.connections, 1);
    assert.equal(proxy.snapshots.current.users, 0, 'a stream does not hold its snapshot');
    peer.socket.end(' and good bye');
    await until(() => proxy.listener.connections === 0 && proxy.inflight === 0 && peer.ending !== null);
    assert.equal(peer.text, 'hello and good bye');
    assert.equal(peer.ending, 'end');
    const bytes = 'hello and good bye'.length;
    assert.equal(proxy.route(RouteField.requestBytes), bytes);
    assert.equal(proxy.route(RouteField.responseBytes), bytes);
    assert.equal(proxy.count(ListenerField.receivedBytes), bytes);
    assert.equal(proxy.count(ListenerField.sentBytes), bytes);
    assert.equal(proxy.node(0, NodeField.sentBytes), bytes);
    assert.equal(proxy.node(0, NodeField.receivedBytes), bytes);
    assert.equal(proxy.node(0, NodeField.connects), 1);
    assert.equal(proxy.count(ListenerField.accepted), 1);
    assert.equal(proxy.count(ListenerField.closed), 1);
    assert.equal(proxy.count(ListenerField.refused), 0);
    assert.equal(outcome(proxy, 0, Outcome.success), 1);
    assert.ok(proxy.table.latency(0) > 0, 'the time to connect is the latency');
  });

  test('a client that finishes first still gets the whole answer', async () => {
    const node = await backend((socket) => {
      let asked = '';
      socket.on('data', (chunk) => {
        asked += chunk;
      });
      socket.on('end', () => socket.end(`you said ${asked}`));
    });
    const proxy = await plane({ ports: [node.port] });
    const peer = await client(proxy);
    peer.socket.end('everything');
    await until(() => peer.ending !== null);
    assert.equal(peer.text, 'you said everything');
    assert.equal(peer.ending, 'end');
  });

  test('a node that finishes first still gets what the client sends', async () => {
    let heard = '';
    const node = await backend((socket) => {
      socket.end('greeting');
      socket.on('data', (chunk) => {
        heard += chunk;
      });
    });
    const proxy = await plane({ ports: [node.port] });
    const peer = await client(proxy);
    await until(() => peer.ending === 'end');
    assert.equal(peer.text, 'greeting');
    peer.socket.write('late ');
    await until(() => heard === 'late ');
    peer.socket.end('news');
    await until(() => proxy.inflight === 0);
    assert.equal(heard, 'late news');
    assert.equal(outcome(proxy, 0, Outcome.success), 1);
  });

  test('an RST of the node reaches the client as an RST', async () => {
    const node = await backend((socket) => socket.on('data', () => socket.resetAndDestroy()));
    const proxy = await plane({ ports: [node.port] });
    const peer = await client(proxy);
    peer.socket.write('x');
    await until(() => peer.ending !== null);
    assert.equal(peer.ending, 'ECONNRESET');
    await until(() => proxy.inflight === 0);
    assert.equal(outcome(proxy, 0, Outcome.reset), 1);
  });

  test('an RST of the client reaches the node as an RST', async () => {
    let fate = '';
    const node = await backend((socket) => {
      socket.write('x');
      socket.on('end', () => {
        fate = 'end';
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        fate = error.code ?? '';
      });
      socket.resume();
    });
    const proxy = await plane({ ports: [node.port] });
    const peer = await client(proxy);
    await until(() => peer.text === 'x');
    peer.socket.resetAndDestroy();
    await until(() => fate !== '' && proxy.inflight === 0);
    assert.equal(fate, 'ECONNRESET');
    assert.equal(outcome(proxy, 0, Outcome.aborted), 1);
    assert.equal(proxy.listener.connections, 0);
  });

  for (const first of ['client', 'node'] as const) {
    test(`an RST after the FIN of the ${first} ends the stream on both sides`, async () => {
      const sockets: Socket[] = [];
      const node = await backend((socket) => {
        sockets.push(socket);
        socket.resume();
      });
      const proxy = await plane({ ports: [node.port] });
      const peer = await client(proxy);
      await until(() => sockets.length === 1);
      const [near, far] = first === 'client' ? [peer.socket, sockets[0]!] : [sockets[0]!, peer.socket];
      near.end();
      await once(far, 'end');
      far.resetAndDestroy();
      await until(() => proxy.inflight === 0 && proxy.listener.connections === 0);
      await until(() => near.destroyed);
      await until(() => node.sockets.size === 0);
    });

    test(`a ${first} that is gone after its FIN is noticed when the other side goes on to send`, async () => {
      const sockets: Socket[] = [];
      const node = await backend((socket) => {
        sockets.push(socket);
        socket.write('x');
      });
      const proxy = await plane({ ports: [node.port] });
      const peer = await client(proxy);
      await until(() => peer.text === 'x');
      const [near, far] = first === 'client' ? [peer.socket, sockets[0]!] : [sockets[0]!, peer.socket];
      far.resume();
      near.resume();
      near.end();
      await once(far, 'end');
      near.destroy();
      await until(() => {
        if (!far.destroyed) far.write('into the void');
        return far.destroyed && proxy.inflight === 0 && proxy.listener.connections === 0;
      });
    });
  }

  test('a stream without a byte either way is cut after the idle timeout, one with bytes is not', async () => {
    const clock = new FakeClock();
    const node = await backend();
    const proxy = await plane({ ports: [node.port], clock, idleTimeoutMs: 10_000 });
    const peer = await client(proxy);
    for (let round = 1; round <= 3; round++) {
      await until(() => proxy.inflight === 1);
      peer.socket.write('.');
      await until(() => peer.received.length === round);
      clock.advance(9000);
    }
    assert.equal(peer.ending, null);
    clock.advance(1500);
    await until(() => peer.ending !== null && proxy.inflight === 0);
    assert.equal(peer.ending, 'end');
    await until(() => node.sockets.size === 0);
    assert.equal(outcome(proxy, 0, Outcome.success), 1);
    assert.equal(proxy.wheel.size <= 1, true, 'the stream left no timer');
  });

  test('a client that stops reading in the middle is cut after the idle timeout, and sees that it was cut', async () => {
    const clock = new FakeClock();
    const node = await backend((socket) => {
      const block = Buffer.alloc(1024 * 1024);
      const fill = () => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', fill);
      fill();
    });
    const proxy = await plane({ ports: [node.port], clock, idleTimeoutMs: 10_000 });
    const peer = await client(proxy, false);
    peer.socket.pause();
    await until(() => [...node.sockets].some((socket) => socket.writableLength > 0) && proxy.inflight === 1);
    await until(() => {
      clock.advance(1000);
      return proxy.inflight === 0;
    });
    peer.socket.resume();
    await until(() => peer.ending !== null);
    assert.equal(peer.ending, 'ECONNRESET');
    assert.equal(proxy.listener.connections, 0);
  });

  test('after a FIN, silence is borne for the FIN timeout only', async () => {
    const clock = new FakeClock();
    const ended: boolean[] = [];
    const node = await backend((socket) => socket.resume().on('end', () => ended.push(true)));
    const proxy = await plane({ ports: [node.port], clock, idleTimeoutMs: 600_000, finTimeoutMs: 3000 });
    const peer = await client(proxy);
    peer.socket.end('bye');
    await until(() => ended.length === 1);
    assert.equal(proxy.inflight, 1);
    clock.advance(3500);
    await until(() => proxy.inflight === 0 && peer.socket.closed);
    assert.equal(outcome(proxy, 0, Outcome.timeout), 1, 'the node never answered');
  });

  test('a connection without a route is reset and reported, not more often than every ten seconds', async () => {
    const clock = new FakeClock();
    const node = await backend();
    const proxy = await plane({ ports: [node.port], clock, streamRoutes: [streamRoute({ serverPort: 1 })] });
    for (let count = 0; count < 3; count++) {
      const peer = await client(proxy);
      await until(() => peer.ending === 'ECONNRESET');
    }
    assert.equal(proxy.count(ListenerField.refusedRoute), 3);
    assert.equal(proxy.events.length, 1);
    clock.advance(10_000);
    const last = await client(proxy);
    await until(() => last.ending === 'ECONNRESET');
    assert.equal(proxy.events.length, 2);
    assert.equal(proxy.events[1]!.fields.suppressed, 2);
    assert.equal(node.accepted, 0);
  });

  test('new routes hold for new connections; open streams stay', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port] });
    const old = await client(proxy);
    old.socket.write('a');
    await until(() => old.text === 'a');
    const { upstreams } = proxy.snapshots.current;
    proxy.snapshots.replace(new Snapshot(2, [], [], upstreams));
    const late = await client(proxy);
    await until(() => late.ending === 'ECONNRESET');
    old.socket.write('b');
    await until(() => old.text === 'ab');
  });

  test('connections above the cap are closed and counted', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port], maxConnections: 2 });
    const first = await client(proxy);
    await client(proxy);
    await until(() => proxy.listener.connections === 2);
    const third = await client(proxy);
    await until(() => third.ending !== null);
    assert.equal(proxy.count(ListenerField.refused), 1);
    assert.equal(proxy.count(ListenerField.accepted), 2);
    first.socket.destroy();
    await until(() => proxy.listener.connections === 1);
    const fourth = await client(proxy);
    fourth.socket.write('in');
    await until(() => fourth.text === 'in');
  });

  test('the bytes of a long stream are counted while it lasts', async () => {
    const clock = new FakeClock();
    const node = await backend();
    const proxy = await plane({ ports: [node.port], clock });
    const peer = await client(proxy);
    peer.socket.write('12345');
    await until(() => peer.text === '12345');
    assert.equal(proxy.route(RouteField.requestBytes), 0);
    clock.advance(10_500);
    assert.equal(proxy.route(RouteField.requestBytes), 5);
    peer.socket.write('678');
    await until(() => peer.text === '12345678');
    clock.advance(10_500);
    assert.equal(proxy.route(RouteField.requestBytes), 8);
    peer.socket.end();
    await until(() => proxy.inflight === 0);
    assert.equal(proxy.route(RouteField.requestBytes), 8);
    assert.equal(proxy.node(0, NodeField.receivedBytes), 8);
    clock.advance(21_000);
    assert.equal(proxy.wheel.size, 0, 'without streams nothing is counted');
  });

  for (const sender of ['client', 'node'] as const) {
    test(`bytes of the ${sender} alone keep a stream open, and its end leaves no timer`, async () => {
      const clock = new FakeClock();
      let heard = 0;
      const node = await backend((socket) => {
        socket.on('data', (chunk) => {
          heard += chunk.length;
        });
        socket.on('end', () => socket.end());
      });
      const proxy = await plane({ ports: [node.port], clock, idleTimeoutMs: 5000 });
      const peer = await client(proxy);
      await until(() => node.sockets.size === 1);
      for (let round = 1; round <= 4; round++) {
        const from = sender === 'client' ? peer.socket : [...node.sockets][0]!;
        from.write('.');
        await until(() => (sender === 'client' ? heard : peer.received.length) === round);
        clock.advance(4000);
      }
      assert.equal(proxy.inflight, 1);
      peer.socket.end();
      await until(() => proxy.inflight === 0);
      assert.equal(proxy.wheel.size, 1, 'only the one that counts bytes');
    });
  }

  test('draining refuses new connections; open streams go on until they end', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port] });
    const peer = await client(proxy);
    peer.socket.write('a');
    await until(() => peer.text === 'a');
    proxy.listener.drain();
    proxy.listener.drain();
    assert.equal((await client(proxy)).ending, 'ECONNREFUSED');
    peer.socket.write('b');
    await until(() => peer.text === 'ab');
    const closed = proxy.listener.close(proxy.clock.now() + 60_000);
    peer.socket.end('c');
    await closed;
    await until(() => peer.ending !== null);
    assert.equal(peer.text, 'abc');
    assert.equal(peer.ending, 'end');
    assert.equal(proxy.listener.connections, 0);
  });

  test('at the deadline what is left is cut with an RST, dials included', async () => {
    const clock = new FakeClock();
    const hole = owned(await BlackHole.start());
    const node = await backend();
    const relayed = await plane({ ports: [node.port], clock });
    const dialling = await plane({ ports: [hole.port], clock });
    const peer = await client(relayed);
    peer.socket.write('a');
    await until(() => peer.text === 'a');
    const waiting = await client(dialling);
    await until(() => dialling.inflight === 1);
    const closing = [relayed, dialling].map((proxy) => proxy.listener.close(clock.now() + 5000));
    clock.advance(4900);
    assert.equal(relayed.inflight, 1);
    clock.advance(200);
    await Promise.all(closing);
    await until(() => peer.ending !== null && waiting.ending !== null);
    assert.equal(peer.ending, 'ECONNRESET');
    assert.equal(waiting.ending, 'ECONNRESET');
    assert.equal(relayed.inflight, 0);
    assert.equal(dialling.inflight, 0);
    assert.equal(dialling.snapshots.current.users, 0);
    assert.equal(outcome(relayed, 0, Outcome.aborted), 1);
    assert.equal(outcome(dialling, 0, Outcome.aborted), 1);
  });

  test('a port in use is an error that says what to do; closing after it is harmless', async () => {
    const node = await backend();
    const proxy = await plane({ ports: [node.port] });
    const plan = listenerPlan(10, node.port);
    const rival = new TcpListener(plan, proxy.dataPlane, { idleTimeoutMs: 0, finTimeoutMs: 0, lifetimeMs: 0 });
    await assert.rejects(rival.start(), (error) => {
      assert.ok(error instanceof HeadgateError);
      assert.equal(error.code, 'LISTEN_FAILED');
      assert.match(error.message, new RegExp(`127.0.0.1:${node.port}: another program listens there`));
      return true;
    });
    await rival.close(0);
  });

  test('a thousand quick connections leave no descriptor, no use and no stream behind', async () => {
    const node = await backend((socket) => socket.resume().end('bye'));
    const proxy = await plane({ ports: [node.port, await deadPort()] });
    const descriptors = () => readdirSync('/proc/self/fd').length;
    await quick(proxy, 20);
    await until(() => proxy.inflight === 0 && node.sockets.size === 0);
    const before = descriptors();
    for (let round = 0; round < 20; round++) await quick(proxy, 50);
    await until(() => proxy.inflight === 0 && node.sockets.size === 0 && proxy.listener.connections === 0);
    await until(() => descriptors() <= before);
    assert.equal(proxy.count(ListenerField.accepted), 1020);
    assert.equal(proxy.count(ListenerField.closed), 1020);
    assert.ok(proxy.wheel.size <= 1);
  });
});

/** `count` connections at once: half of them end in order, the others with an RST. */
async function quick(proxy: TcpPlane, count: number): Promise<void> {
  const closed = Array.from({ length: count }, async (_, index) => {
    const peer = await TcpClient.connect(proxy.port);
    if (index % 2 === 0) {
      peer.socket.end('x');
      await until(() => peer.ending !== null);
    } else {
      peer.socket.resetAndDestroy();
    }
  });
  await Promise.all(closed);
}
