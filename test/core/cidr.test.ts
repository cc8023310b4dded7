import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CidrSet, parseCidr } from '../../src/core/cidr.ts';

function number(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

describe('CIDR', () => {
  it('reads ranges and single addresses', () => {
    assert.deepEqual(parseCidr('10.0.0.0/8'), { address: '10.0.0.0', prefix: 8, family: 'ipv4' });
    assert.deepEqual(parseCidr('192.0.2.1'), { address: '192.0.2.1', prefix: 32, family: 'ipv4' });
    assert.deepEqual(parseCidr('2001:db8::/0'), { address: '2001:db8::', prefix: 0, family: 'ipv6' });
    assert.deepEqual(parseCidr('::1'), { address: '::1', prefix: 128, family: 'ipv6' });
  });

  for (const text of [
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    'host',
    '10.0.0.0/0x8',
    '300.1.1.1',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseCidr(text), null);
      assert.throws(() => new CidrSet([text]), /is not an IP address or a CIDR range/);
    });
  }

  it('contains an IPv4 address exactly when its leading bits are the same', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.boolean(), (range, ip, prefix, near) => {
        const tested = near ? range.replace(/\d+$/, ip.split('.')[3]!) : ip;
        const size = 2 ** (32 - prefix);
        const expected = Math.floor(number(range) / size) === Math.floor(number(tested) / size);
        const set = new CidrSet([`${range}/${prefix}`]);
        assert.equal(set.has(tested), expected);
        assert.equal(set.has(`::ffff:${tested}`), expected);
      }),
      { numRuns: 500 },
    );
  });

  it('contains an IPv6 address however it is written', () => {
    const set = new CidrSet(['2001:db8::/32', 'fe80::1']);
    for (const ip of ['2001:db8::1', '2001:0DB8:0:0::ffff', 'fe80:0:0:0:0:0:0:1']) assert.ok(set.has(ip), ip);
    for (const ip of ['2001:db9::1', 'fe80::2', '::', '1.2.3.4']) assert.equal(set.has(ip), false, ip);
  });

  it('contains an IPv4 address in a range that is written as IPv4 in IPv6', () => {
    assert.ok(new CidrSet(['::ffff:10.0.0.0/104']).has('10.1.2.3'));
    assert.ok(new CidrSet(['::ffff:10.0.0.7']).has('::ffff:10.0.0.7'));
    assert.equal(new CidrSet(['::ffff:10.0.0.0/104']).has('11.1.2.3'), false);
  });

  it('contains all of IPv4 in /0, and not IPv6', () => {
    const set = new CidrSet(['0.0.0.0/0']);
    assert.ok(set.has('255.255.255.255'));
    assert.equal(set.has('::1'), false);
  });

  it('contains nothing when it is empty, and no text that is not an address', () => {
    assert.equal(new CidrSet([]).has('127.0.0.1'), false);
    assert.equal(new CidrSet(['0.0.0.0/0', '::/0']).has('localhost'), false);
    assert.equal(new CidrSet(['0.0.0.0/0']).has(''), false);
  });

  it('counts its ranges', () => {
    assert.equal(new CidrSet(['10.0.0.0/8', '::1']).size, 2);
  });
});
