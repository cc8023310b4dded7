import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipBytes, ipText, usualIp } from '../../src/core/ip.ts';

const hex = (ip: string) => {
  const bytes = ipBytes(ip);
  return bytes && Buffer.from(bytes).toString('hex');
};

test('the bytes of addresses, in whatever spelling', () => {
  assert.equal(hex('192.0.2.7'), 'c0000207');
  assert.equal(hex('::ffff:192.0.2.7'), 'c0000207');
  assert.equal(hex('::'), '0'.repeat(32));
  assert.equal(hex('::1'), `${'0'.repeat(31)}1`);
  assert.equal(hex('2001:db8::1:2'), '20010db8000000000000000000010002');
  assert.equal(hex('2001:DB8:0:0:0:0:1:2'), '20010db8000000000000000000010002');
  assert.equal(hex('fe80::1%eth0'), 'fe800000000000000000000000000001');
  assert.equal(hex('64:ff9b::192.0.2.7'), '0064ff9b0000000000000000c0000207');
  for (const wrong of ['', '1.2.3', '1.2.3.4.5', '01.2.3.4', ':::', 'db', '1.2.3.4:5']) assert.equal(hex(wrong), null);
});

test('an address has one usual spelling', () => {
  for (const ip of ['2001:DB8:0:0:0:0:0:1', '2001:db8::0:1', '2001:0db8::1']) assert.equal(usualIp(ip), '2001:db8::1');
  assert.equal(usualIp('fe80::1%eth0'), 'fe80::1');
  for (const ip of ['::ffff:192.0.2.7', '::ffff:c000:207', '192.0.2.7']) assert.equal(usualIp(ip), '192.0.2.7');
  for (const text of ['', 'node.example', 'a:b']) assert.equal(usualIp(text), text);
});

test('text and bytes say the same', () => {
  assert.equal(ipText(Buffer.from('20010db8000000000000000000010002', 'hex')), '2001:db8::1:2');
  assert.equal(ipText(Buffer.from('00000000000000000000ffffc0000207', 'hex')), '192.0.2.7');
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
      const bytes = ipBytes(ip);
      assert.ok(bytes);
      assert.deepEqual(ipBytes(ipText(bytes)), bytes);
    }),
  );
});
