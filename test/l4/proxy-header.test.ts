import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../src/l4/crc32c.ts';
import type { ConnectionPeers } from '../../src/l4/peers.ts';
import { readProxyHeader } from '../../src/l4/proxy-header.ts';
import { writeProxyHeader } from '../../src/l4/write-proxy-header.ts';

const PEERS = { remoteAddress: '192.0.2.7', remotePort: 51000, localAddress: '198.51.100.1', localPort: 443 };
const PEERS6 = { remoteAddress: '2001:db8::7', remotePort: 1, localAddress: '2001:db8::1', localPort: 65535 };

function peersOf(bytes: Buffer): ConnectionPeers | null {
  const header = readProxyHeader(bytes);
  assert.equal(header.kind, 'complete', JSON.stringify(header));
  if (header.kind !== 'complete') return null;
  assert.equal(header.length, bytes.length);
  return header.peers;
}

function reasonOf(bytes: Buffer): string {
  const header = readProxyHeader(bytes);
  return header.kind === 'invalid' ? header.reason : header.kind;
}

function v2(command: number, family: number, content: Buffer): Buffer {
  const head = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex');
  head[12] = command;
  head[13] = family;
  head.writeUInt16BE(content.length, 14);
  return Buffer.concat([head, content]);
}

const ADDRESSES = Buffer.from('c0000207c6336401c73801bb', 'hex');
const tlv = (type: number, value: Buffer) =>
  Buffer.concat([Buffer.from([type, value.length >> 8, value.length]), value]);

describe('the PROXY header', () => {
  test('version 1, as the specification has it', () => {
    assert.deepEqual(peersOf(Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n')), PEERS);
    assert.deepEqual(peersOf(Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n')), PEERS6);
    assert.equal(peersOf(Buffer.from('PROXY UNKNOWN\r\n')), null);
    assert.equal(peersOf(Buffer.from(`PROXY UNKNOWN ${'f'.repeat(39)} ${'f'.repeat(39)} 65535 65535\r\n`)), null);
    const mapped = peersOf(Buffer.from('PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n'));
    assert.equal(mapped?.remoteAddress, '192.0.2.7');
  });

  test('version 1 that is not quite it', () => {
    for (const line of [
      'PROXY TCP4 192.0.2.7 198.51.100.1 51000 443 \r\n',
      'PROXY TCP4 192.0.2.7 198.51.100.1 051 443\r\n',
      'PROXY TCP4 192.0.2.7 198.51.100.1 51000 65536\r\n',
      'PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n',
      'PROXY TCP4  192.0.2.7 198.51.100.1 51000 443\r\n',
      'PROXY TCP4 2001:db8::7 198.51.100.1 51000 443\r\n',
      'PROXY TCP6 192.0.2.7 198.51.100.1 51000 443\r\n',
      'PROXY TCP6 fe80::1%lo fe80::1 1 2\r\n',
      'PROXY UDP4 192.0.2.7 198.51.100.1 51000 443\r\n',
      'PROXY \r\n',
      `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
      'proxy TCP4 192.0.2.7 198.51.100.1 51000 443\r\n',
      'GET / HTTP/1.1\r\n',
      'P\r\n',
    ]) {
      assert.equal(readProxyHeader(Buffer.from(line)).kind, 'invalid', line);
    }
  });

  test('version 2: addresses, TLVs of any kind, and a checksum', () => {
    assert.deepEqual(peersOf(v2(0x21, 0x11, ADDRESSES)), PEERS);
    const tlvs = Buffer.concat([
      tlv(0x02, Buffer.from('db.example')),
      tlv(0xee, Buffer.alloc(300)),
      tlv(0x04, Buffer.alloc(0)),
    ]);
    assert.deepEqual(peersOf(v2(0x21, 0x11, Buffer.concat([ADDRESSES, tlvs]))), PEERS);
    const summed = v2(0x21, 0x11, Buffer.concat([ADDRESSES, tlv(0x03, Buffer.alloc(4)), tlvs]));
    summed.writeUInt32BE(crc32c(summed, 16 + 12 + 3), 16 + 12 + 3);
    assert.deepEqual(peersOf(summed), PEERS);
    summed[20]! ^= 1;
    assert.equal(reasonOf(summed), 'the checksum of the PROXY header is wrong');
  });

  test('version 2 that names nobody', () => {
    assert.equal(peersOf(v2(0x20, 0x00, Buffer.alloc(0))), null, 'LOCAL');
    assert.equal(
      peersOf(v2(0x20, 0x11, Buffer.concat([ADDRESSES, Buffer.alloc(9, 255)]))),
      null,
      'LOCAL: the rest is not looked at',
    );
    assert.equal(peersOf(v2(0x21, 0x00, Buffer.alloc(0))), null, 'UNSPEC');
    assert.equal(peersOf(v2(0x21, 0x12, ADDRESSES)), null, 'UDP');
    assert.equal(peersOf(v2(0x21, 0x31, Buffer.alloc(216))), null, 'Unix');
  });

  test('version 2 that is not quite it', () => {
    assert.match(reasonOf(v2(0x11, 0x11, ADDRESSES)), /version or command/);
    assert.match(reasonOf(v2(0x22, 0x11, ADDRESSES)), /version or command/);
    assert.match(reasonOf(v2(0x21, 0x41, ADDRESSES)), /family/);
    assert.match(reasonOf(v2(0x21, 0x13, ADDRESSES)), /family/);
    assert.match(reasonOf(v2(0x21, 0x21, ADDRESSES)), /too short/);
    assert.match(reasonOf(v2(0x21, 0x11, Buffer.concat([ADDRESSES, Buffer.from([1, 0])]))), /within a TLV/);
    assert.match(
      reasonOf(v2(0x21, 0x11, Buffer.concat([ADDRESSES, Buffer.from([1, 0, 2, 0])]))),
      /longer than the header/,
    );
    assert.match(reasonOf(v2(0x21, 0x11, Buffer.concat([ADDRESSES, tlv(0x03, Buffer.alloc(3))]))), /checksum/);
    assert.match(reasonOf(v2(0x21, 0x11, Buffer.alloc(16_385))), /longer than 16384 bytes/);
  });

  test('what is written is read as it was meant', () => {
    const ports = fc.nat(65_535);
    const ips = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(
        ips,
        ips,
        ports,
        ports,
        fc.constantFrom(1, 2),
        (remoteAddress, localAddress, remotePort, localPort, version) => {
          const header = writeProxyHeader(version as 1 | 2, { remoteAddress, remotePort, localAddress, localPort });
          const peers = peersOf(header);
          const canonical = (ip: string) =>
            peersOf(writeProxyHeader(2, { ...PEERS, remoteAddress: ip }))?.remoteAddress;
          assert.equal(peers?.remoteAddress, canonical(remoteAddress));
          assert.equal(peers?.localAddress, canonical(localAddress));
          assert.deepEqual([peers?.remotePort, peers?.localPort], [remotePort, localPort]);
        },
      ),
    );
    assert.equal(writeProxyHeader(1, {}).toString(), 'PROXY UNKNOWN\r\n');
    assert.equal(peersOf(writeProxyHeader(2, {})), null);
    assert.equal(writeProxyHeader(1, PEERS).toString(), 'PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n');
  });

  test('every part of a header is partial, and what follows it is not its', () => {
    const headers = [
      writeProxyHeader(1, PEERS),
      writeProxyHeader(2, PEERS6),
      v2(0x21, 0x11, Buffer.concat([ADDRESSES, tlv(1, Buffer.alloc(9))])),
    ];
    for (const header of headers) {
      for (let end = 0; end < header.length; end++) {
        assert.equal(readProxyHeader(header.subarray(0, end)).kind, 'partial', `${end} bytes`);
      }
      const longer = readProxyHeader(Buffer.concat([header, Buffer.from('\r\nmore')]));
      assert.equal(longer.kind === 'complete' && longer.length, header.length);
    }
  });

  test('no bytes make it throw', () => {
    const good = v2(0x21, 0x11, Buffer.concat([ADDRESSES, tlv(3, Buffer.alloc(4)), tlv(1, Buffer.alloc(9))]));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255))), fc.nat(good.length), (changes, end) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        readProxyHeader(bytes.subarray(0, end));
      }),
    );
  });

  test('CRC-32C of the test vectors of RFC 3720', () => {
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 255)), 0x62a8ab43);
  });
});
