import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { allocateSessionOwners, SessionOwners } from '../../src/l4/session-owners.ts';
import { type ForeignDatagram, UdpExchange } from '../../src/l4/udp-exchange.ts';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { until } from '../support/tcp-backend.ts';
import { UdpFixture } from '../support/udp-fixture.ts';
import { sharedSeats, UDP_SLOT } from '../support/udp-plane.ts';

const KIB = 1024;
const foreign = (datagram: Uint8Array, slot = 2): ForeignDatagram => {
  return { slot, local: '127.0.0.1', address: '192.0.2.7', port: 53, datagram };
};

/** Two workers in this thread, and the way between them. */
function pair() {
  const memory = allocateSessionOwners(2, 100, 1);
  const exchanges = [0, 1].map((worker) => new UdpExchange(new SessionOwners(memory, worker)));
  const [one, two] = exchanges as [UdpExchange, UdpExchange];
  const link = () => {
    const { port1, port2 } = new MessageChannel();
    one.connect({ worker: 1, port: port1 });
    two.connect({ worker: 0, port: port2 });
  };
  link();
  opened.push(one, two);
  return { one, two, link };
}
const opened: UdpExchange[] = [];

describe('datagrams for sessions of another worker', { timeout: 30_000 }, () => {
  afterEach(() => {
    for (const exchange of opened.splice(0)) exchange.close();
  });

  test('arrive whole and in order, at the listener that they are for', async () => {
    const { one, two } = pair();
    const arrived: string[] = [];
    two.onDatagram(2, ({ datagram }) => arrived.push(`2 ${Buffer.from(datagram)}`));
    two.onDatagram(3, ({ datagram }) => arrived.push(`3 ${Buffer.from(datagram)}`));
    const reused = Buffer.from('-a-').subarray(1, 2);
    one.send(1, foreign(reused));
    reused.write('b');
    one.send(1, foreign(reused, 3));
    one.send(1, foreign(Buffer.alloc(0)));
    await until(() => arrived.length === 3);
    assert.deepEqual(arrived, ['2 a', '3 b', '2 ']);
  });

  test('are dropped when too much is on the way, and go on when that was taken', async () => {
    const { one, two } = pair();
    let arrived = 0;
    two.onDatagram(2, () => (arrived += 1));
    let sent = 0;
    while (one.send(1, foreign(Buffer.alloc(60 * KIB))) === 'sent') sent += 1;
    assert.ok(sent > 10 && sent < 100, `${sent} of 60 KiB each`);
    await until(() => arrived === sent);
    for (let more = 0; more < 3 * sent; more++) {
      await until(() => one.send(1, foreign(Buffer.alloc(60 * KIB))) === 'sent');
    }
    await until(() => arrived === 4 * sent);
  });

  test('small ones are bounded too', () => {
    const { one } = pair();
    let sent = 0;
    while (one.send(1, foreign(Buffer.alloc(0))) === 'sent') sent += 1;
    assert.ok(sent > 1000 && sent < 20_000, `${sent} empty ones`);
  });

  test('go nowhere once the worker is gone, and to the one that comes in its place', async () => {
    const { one, two, link } = pair();
    assert.equal(one.send(5, foreign(Buffer.from('x'))), 'gone');
    two.close();
    await until(() => one.send(1, foreign(Buffer.from('x'))) === 'gone');
    link();
    let arrived = 0;
    two.onDatagram(2, () => (arrived += 1));
    assert.equal(one.send(1, foreign(Buffer.from('x'))), 'sent');
    await until(() => arrived === 1);
  });

  test('a listener serves its sessions wherever the client is heard, and takes one for its own that nobody has', async (t) => {
    const fixture = new UdpFixture(t);
    const { one, two } = pair();
    const shared = sharedSeats(2);
    const node = await fixture.node();
    const [first, second] = [
      await fixture.plane({ nodes: [node.port], seat: { index: 0, shared }, exchange: one }),
      await fixture.plane({ nodes: [node.port], seat: { index: 1, shared }, exchange: two }),
    ];
    const client = await fixture.client();
    client.send('before', first.port);
    await until(() => client.messages.length === 1);
    client.send('after', second.port);
    await until(() => client.messages.length === 2);
    assert.deepEqual([first.sessions, second.sessions], [1, 0]);
    assert.deepEqual(client.texts, ['before', 'after']);
    assert.equal(node.ports.length, 1, 'the same session');
    assert.deepEqual(client.ports, [first.port], 'the owner answers, from its own socket');

    const stranger = await fixture.client();
    two.owners.begin(two.owners.markOf(UDP_SLOT, '127.0.0.1', '127.0.0.1', stranger.port));
    stranger.send('mine?', first.port);
    await until(() => stranger.messages.length === 1);
    assert.deepEqual([first.sessions, second.sessions], [1, 1], 'the one that seemed to have it has it now');
    assert.equal(first.count(ListenerField.dropped), 0);
  });
});
