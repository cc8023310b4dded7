import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../src/core/random.ts';
import { respond } from '../../src/dns/responder.ts';
import { addressBytes } from '../../src/dns/wire-name.ts';
import { type Directory, type ServedNode, Zone } from '../../src/dns/zone.ts';
import { type DnsAsk, type DnsSeen, dnsData, dnsQuery, readDns } from '../support/dns-query.ts';
import { RecordingLog } from '../support/recording-log.ts';

function node(host: string, port = 80, weight = 1, priority = 0): ServedNode {
  return { host, port, weight, priority };
}

const NODES: Record<string, ReturnType<Directory>> = {
  web: [
    node('10.0.0.1', 8080, 5),
    node('10.0.0.2', 8081, 3),
    node('2001:db8::1', 8080, 2),
    node('10.0.0.9', 1, 1, -10),
  ],
  named: [node('db.internal', 5432), node('10.0.0.1', 5432), node('fe80::1%eth0', 1)],
  empty: [],
  new: 'unknown',
  'a.b': [node('10.0.0.3')],
  many: Array.from({ length: 400 }, (_, index) => node(`10.1.${index >> 8}.${index & 255}`, 1000 + index)),
  heavy: [node('10.0.0.1', 1, 1_000_000), node('10.0.0.2', 1, 500_000), node('10.0.0.3', 1, 1)],
};

function create(): { zone: Zone; log: RecordingLog } {
  const zone = new Zone({ domain: 'Head.Gate', ttl: 5 }, (name) => NODES[name] ?? null, seededRandom(1));
  return { zone, log: new RecordingLog() };
}

const { zone, log } = create();

function ask(name: string, type: Parameters<typeof dnsQuery>[1], options: DnsAsk & { tcp?: boolean } = {}): DnsSeen {
  return readDns(respond(zone, dnsQuery(name, type, options), options.tcp ? 'tcp' : 'udp', log));
}

describe('the zone of the DNS listener', () => {
  it('gives the addresses of the preferred nodes', () => {
    const seen = ask('web.head.gate', 'A');
    assert.deepEqual(dnsData(seen.answers).sort(), ['A 10.0.0.1', 'A 10.0.0.2']);
    assert.deepEqual([seen.id, seen.rcode, seen.flag_aa, seen.flag_tc], [4711, 'NOERROR', true, false]);
    assert.ok(seen.answers?.every((record) => record.name === 'web.head.gate' && 'ttl' in record && record.ttl === 5));
    assert.deepEqual(dnsData(ask('web.head.gate', 'AAAA').answers), ['AAAA 2001:db8::1']);
    assert.deepEqual(dnsData(ask('web.head.gate', 'ANY').answers).length, 3);
  });

  it('knows no difference between upper and lower case, and repeats the question as it came', () => {
    const seen = ask('WeB.HEAD.gate', 'A');
    assert.equal(seen.answers?.length, 2);
    assert.equal(seen.questions?.[0]?.name, 'WeB.HEAD.gate');
  });

  it('gives every node as SRV, with priorities, weights, ports, and the addresses of the targets', () => {
    for (const name of ['web.head.gate', '_http._tcp.web.head.gate']) {
      const seen = ask(name, 'SRV', { payload: 1232 });
      assert.deepEqual(dnsData(seen.answers).sort(), [
        'SRV 0 2 8080 20010db8000000000000000000000001.addr.head.gate',
        'SRV 0 3 8081 0a000002.addr.head.gate',
        'SRV 0 5 8080 0a000001.addr.head.gate',
        'SRV 10 1 1 0a000009.addr.head.gate',
      ]);
      const additionals = seen.additionals?.filter((record) => record.type !== 'OPT');
      assert.deepEqual(additionals?.map((record) => `${record.name} ${dnsData([record])}`).sort(), [
        '0a000001.addr.head.gate A 10.0.0.1',
        '0a000002.addr.head.gate A 10.0.0.2',
        '0a000009.addr.head.gate A 10.0.0.9',
        '20010db8000000000000000000000001.addr.head.gate AAAA 2001:db8::1',
      ]);
    }
    assert.equal(ask('_http._tcp.web.head.gate', 'A').rcode, 'NOERROR');
    assert.deepEqual(ask('_http._tcp.web.head.gate', 'A').answers, []);
  });

  it('gives a node with a host name by that name, and one without any name not at all', () => {
    const seen = ask('named.head.gate', 'SRV');
    assert.deepEqual(dnsData(seen.answers).sort(), [
      'SRV 0 1 5432 0a000001.addr.head.gate',
      'SRV 0 1 5432 db.internal',
    ]);
    assert.deepEqual(dnsData(ask('named.head.gate', 'A').answers), ['A 10.0.0.1']);
  });

  it('brings weights into the range of SRV', () => {
    const weights = dnsData(ask('heavy.head.gate', 'SRV').answers).map((data) => Number(data.split(' ')[2]));
    assert.deepEqual(
      weights.sort((a, b) => a - b),
      [1, 32_767, 65_535],
    );
  });

  it('answers for the names of the targets', () => {
    assert.deepEqual(dnsData(ask('0a000001.addr.head.gate', 'A').answers), ['A 10.0.0.1']);
    assert.deepEqual(dnsData(ask('20010db8000000000000000000000001.addr.head.gate', 'AAAA').answers), [
      'AAAA 2001:db8::1',
    ]);
    assert.deepEqual(dnsData(ask('0a000001.addr.head.gate', 'AAAA').answers), []);
    assert.equal(ask('0a00000.addr.head.gate', 'A').rcode, 'NXDOMAIN');
    assert.equal(ask('addr.head.gate', 'A').rcode, 'NOERROR');
  });

  it('tells what is not there from what has no nodes and from what is not known yet', () => {
    for (const [name, type, rcode] of [
      ['none.head.gate', 'A', 'NXDOMAIN'],
      ['_http._tcp.none.head.gate', 'SRV', 'NXDOMAIN'],
      ['empty.head.gate', 'A', 'NOERROR'],
      ['empty.head.gate', 'SRV', 'NOERROR'],
      ['web.head.gate', 'TXT', 'NOERROR'],
      ['_tcp.web.head.gate', 'SRV', 'NOERROR'],
      ['head.gate', 'A', 'NOERROR'],
    ] as const) {
      const seen = ask(name, type);
      assert.deepEqual([name, seen.rcode, seen.answers], [name, rcode, []]);
      const soa = seen.authorities?.[0];
      assert.ok(soa?.type === 'SOA' && soa.name === 'head.gate' && soa.ttl === 5, name);
      assert.deepEqual([soa.data.minimum, soa.data.mname, soa.data.rname], [5, 'head.gate', 'hostmaster.head.gate']);
    }
    assert.equal(ask('new.head.gate', 'A').rcode, 'SERVFAIL');
    assert.deepEqual(
      ask('head.gate', 'SOA').answers?.map(({ type }) => type),
      ['SOA'],
    );
    assert.deepEqual(dnsData(ask('a.b.head.gate', 'A').answers), ['A 10.0.0.3']);
  });

  it('refuses other domains, and does not know other kinds of question', () => {
    for (const name of ['example.com', 'gate', 'webhead.gate', '.'])
      assert.equal(ask(name, 'A').rcode, 'REFUSED', name);
    const notify = dnsQuery('web.head.gate', 'A');
    notify[2] = 4 << 3;
    assert.equal(readDns(respond(zone, notify, 'udp', log)).rcode, 'NOTIMP');
    const chaos = dnsQuery('web.head.gate', 'A');
    chaos[chaos.length - 1] = 3;
    assert.equal(readDns(respond(zone, chaos, 'udp', log)).rcode, 'REFUSED');
    const later = ask('web.head.gate', 'A', { payload: 1232, version: 1 });
    const opt = later.additionals?.[0];
    assert.ok(opt?.type === 'OPT' && opt.extendedRcode === 1 && opt.ednsVersion === 0);
    assert.deepEqual(later.answers, []);
  });

  it('cuts short what does not fit, and gives all of it by TCP', () => {
    for (const [payload, limit] of [
      [undefined, 512],
      [100, 512],
      [900, 900],
      [65_535, 1232],
    ] as const) {
      for (const type of ['A', 'SRV'] as const) {
        const query = dnsQuery('many.head.gate', type, payload === undefined ? {} : { payload });
        const bytes = respond(zone, query, 'udp', log);
        const seen = readDns(bytes);
        assert.ok(bytes!.length <= limit && bytes!.length > limit - 60, `${bytes!.length} of ${limit}`);
        assert.ok(seen.flag_tc && seen.answers!.length > 5);
        assert.equal(seen.additionals?.length, payload === undefined ? 0 : 1);
      }
    }
    const whole = ask('many.head.gate', 'SRV', { tcp: true, payload: 1232 });
    assert.deepEqual([whole.flag_tc, whole.answers?.length, whole.additionals?.length], [false, 400, 401]);
  });

  it('gives the addresses in another order each time', () => {
    const orders = new Set(Array.from({ length: 40 }, () => dnsData(ask('web.head.gate', 'A').answers).join()));
    assert.equal(orders.size, 2);
  });

  it('says nothing to what is no question, and "bad format" to one that can not be read', () => {
    const query = dnsQuery('web.head.gate', 'A', { payload: 1232 });
    const answer = Buffer.from(query);
    answer[2]! |= 0x80;
    assert.equal(respond(zone, answer, 'udp', log), null);
    assert.equal(respond(zone, query.subarray(0, 11), 'udp', log), null);
    for (let length = 12; length < query.length; length++) {
      const seen = readDns(respond(zone, query.subarray(0, length), 'udp', log));
      assert.deepEqual([length, seen.rcode, seen.id, seen.questions], [length, 'FORMERR', 4711, []]);
    }
    const pointing = Buffer.from(query);
    pointing[12] = 0xc0;
    assert.equal(readDns(respond(zone, pointing, 'udp', log)).rcode, 'FORMERR');
  });

  it('survives any bytes, and never answers with more than the limit', () => {
    const good = dnsQuery('many.head.gate', 'SRV', { payload: 65_535 });
    const mutated = fc
      .array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 })
      .map((changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), mutated), (bytes) => {
        const answer = respond(zone, bytes, 'udp', log);
        assert.ok(answer === null || answer.length <= 1232);
        if (answer) readDns(answer);
      }),
      { numRuns: 2_000 },
    );
    assert.deepEqual(log.events, []);
  });
});

describe('addressBytes', () => {
  it('reads what node:net takes for an address, and nothing else', () => {
    const hex = (host: string) => Buffer.from(addressBytes(host) ?? []).toString('hex');
    assert.equal(hex('192.0.2.255'), 'c00002ff');
    assert.equal(hex('::'), '0'.repeat(32));
    assert.equal(hex('::1'), `${'0'.repeat(31)}1`);
    assert.equal(hex('2001:DB8::a:0'), '20010db8000000000000000000' + '0a0000');
    assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
    assert.equal(hex('::ffff:10.1.2.3'), '00000000000000000000ffff0a010203');
    assert.equal(hex('1::'), `0001${'0'.repeat(28)}`);
    for (const other of ['', 'web', '10.0.0', '::g', 'fe80::1%eth0']) assert.equal(addressBytes(other), null);
  });
});
