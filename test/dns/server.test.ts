import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Address } from '../../src/core/address.ts';
import { seededRandom } from '../../src/core/random.ts';
import { DnsExchange } from '../../src/discovery/dns-exchange.ts';
import { lookUp } from '../../src/discovery/dns-lookup.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { type ServedNode, Zone } from '../../src/dns/zone.ts';
import { dnsQuery, readDns } from '../support/dns-query.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { freePorts } from '../support/free-port.ts';
import { RecordingLog } from '../support/recording-log.ts';

const MANY: readonly ServedNode[] = Array.from({ length: 500 }, (_, index) => ({
  host: `10.1.${index >> 8}.${index & 255}`,
  port: 1000 + index,
  weight: 1,
  priority: 0,
}));

function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

describe('the DNS listener', { timeout: 30_000 }, () => {
  let clock: FakeClock;
  let log: RecordingLog;
  let server: DnsServer;
  let address: Address;
  let sockets: Socket[];

  const create = (at: Address) => {
    const zone = new Zone({ domain: 'head.gate', ttl: 5 }, (name) => (name === 'many' ? MANY : null), seededRandom(1));
    return new DnsServer(at, zone, clock, log);
  };

  beforeEach(async () => {
    clock = new FakeClock();
    log = new RecordingLog();
    sockets = [];
    server = create({ host: '127.0.0.1', port: 0 });
    address = await server.start();
  });
  afterEach(async () => {
    await server.close();
    for (const socket of sockets) socket.destroy();
    assert.deepEqual(log.events, []);
  });

  async function dial(): Promise<Socket> {
    const socket = connect(address);
    sockets.push(socket.on('error', () => {}));
    await once(socket, 'connect');
    return socket;
  }

  /** What comes until this many whole messages are there, or the end. */
  async function messages(socket: Socket, count: number): Promise<Buffer[]> {
    let received = Buffer.alloc(0);
    const found: Buffer[] = [];
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        found.push(received.subarray(2, end));
        received = received.subarray(end);
      }
      if (found.length >= count) break;
    }
    return found;
  }

  it('is understood by our own resolver: cut short by UDP, whole by TCP', async () => {
    const exchange = new DnsExchange({ clock, timeout: 2_000, attempts: 1, servers: () => [address] });
    const { signal } = new AbortController();
    const ask = (question: Parameters<typeof exchange.ask>[0]) => exchange.ask(question, signal);
    const found = await lookUp('many.head.gate', 'SRV', ask);
    assert.ok(found.kind === 'found');
    assert.deepEqual([found.records.length, found.additionals.length, found.ttl], [500, 500, 5]);
    assert.equal((await lookUp('none.head.gate', 'A', ask)).kind, 'nxdomain');
  });

  it('answers several questions of one connection, in pieces as they come', async () => {
    const socket = await dial();
    const bytes = Buffer.concat([1, 2, 3].map((id) => framed(dnsQuery('many.head.gate', 'A', { id }))));
    socket.write(bytes.subarray(0, 1));
    await settle();
    socket.write(bytes.subarray(1, 40));
    await settle();
    socket.write(bytes.subarray(40));
    const answers = (await messages(socket, 3)).map(readDns);
    assert.deepEqual(
      answers.map(({ id, answers: records, flag_tc }) => [id, records?.length, flag_tc]),
      [1, 2, 3].map((id) => [id, 500, false]),
    );
  });

  it('cuts off a connection that asks nothing, or nothing whole, for ten seconds', async () => {
    const silent = await dial();
    const slow = await dial();
    const question = framed(dnsQuery('many.head.gate', 'A'));
    slow.write(question.subarray(0, 20));
    await settle();
    const ends = Promise.all([silent, slow].map((socket) => once(socket.resume(), 'close')));
    await clock.run(6_000);
    slow.write(question.subarray(20, 21));
    await settle();
    await clock.run(4_000);
    await ends;
    assert.equal(clock.pending, 0);
  });

  it('cuts off what is no question', async () => {
    const socket = await dial();
    socket.write(framed(Buffer.from('GET / HTTP/1.1')));
    const answers = (await messages(socket, 1)).map(readDns);
    assert.ok(answers.every(({ rcode }) => rcode === 'FORMERR'));
    const other = await dial();
    other.write(Buffer.from([0, 0, 0, 0]));
    assert.deepEqual(await messages(other, 1), []);
  });

  it('cuts off a client that asks and does not read', async () => {
    const socket = await dial();
    socket.pause();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const question = framed(dnsQuery('many.head.gate', 'SRV'));
    const push = () => {
      while (!socket.destroyed && socket.write(question));
    };
    socket.on('drain', push);
    push();
    await closed;
  });

  it('is not disturbed by garbage, by UDP or TCP', async () => {
    const udp = createSocket('udp4');
    for (const length of [0, 1, 11, 12, 13, 100, 1400]) {
      const bytes = Buffer.alloc(length, 0x3f);
      await new Promise((resolve) => udp.send(bytes, address.port, address.host, resolve));
    }
    udp.send(dnsQuery('many.head.gate', 'A', { id: 99 }), address.port, address.host);
    const seen: number[] = [];
    while (seen.at(-1) !== 99) {
      const [message] = (await once(udp, 'message')) as [Buffer];
      seen.push(readDns(message).id ?? -1);
    }
    udp.close();
  });

  it('says what to change when the port is taken, and holds nothing then', async () => {
    const second = create(address);
    await assert.rejects(second.start(), {
      code: 'DNS_LISTEN',
      message: new RegExp(`can't use 127\\.0\\.0\\.1:${address.port}: .*EADDRINUSE.*set another dns_listen\\.address`),
    });
    // A port that is free for TCP and taken for UDP.
    const [port] = await freePorts(1);
    const udp = createSocket('udp4').bind(port, '127.0.0.1');
    await once(udp, 'listening');
    try {
      await assert.rejects(create({ host: '127.0.0.1', port: port! }).start(), { code: 'DNS_LISTEN' });
      const free = createServer().listen(port, '127.0.0.1');
      await once(free, 'listening');
      free.close();
    } finally {
      udp.close();
    }
  });

  it('ends open connections when it closes, twice if need be', async () => {
    const socket = await dial();
    const closed = once(socket.resume(), 'close');
    await server.close();
    await server.close();
    await closed;
  });
});
