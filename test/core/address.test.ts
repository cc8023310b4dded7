import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalIp, formatAddress, isHost, isPort, parseAddress } from '../../src/core/address.ts';

const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
const port = fc.integer({ min: 0, max: 65_535 });

describe('address', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(host, port, (host, port) => {
        assert.deepEqual(parseAddress(formatAddress({ host, port })), { host, port });
      }),
      { numRuns: 500 },
    );
  });

  it('takes the default port for a bare host, IPv6 with and without brackets', () => {
    fc.assert(
      fc.property(host, port, (host, port) => {
        assert.deepEqual(parseAddress(host, port), { host, port });
        if (host.includes(':')) assert.deepEqual(parseAddress(`[${host}]`, port), { host, port });
        else assert.equal(parseAddress(host), null);
      }),
    );
  });

  it('never throws, and returns only what it can write back', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-f0-9.:[\]_-]{0,30}$/));
    fc.assert(
      fc.property(text, fc.option(port, { nil: undefined }), (text, port) => {
        const address = parseAddress(text, port);
        if (!address) return;
        assert.ok(isHost(address.host) && isPort(address.port));
        assert.deepEqual(parseAddress(formatAddress(address)), address);
      }),
      { numRuns: 2000 },
    );
  });

  for (const text of [
    '',
    ':80',
    'host:',
    'host:65536',
    'host:99999',
    'host:-1',
    'host:8a',
    'host:80:90',
    'host name:80',
    '::1:80:',
    '[::1',
    '[::1]80',
    '[127.0.0.1]:80',
    '[host]:80',
    'host/path:80',
    'http://host:80',
    'host:80\n',
    'a..b:80',
    '-a:80',
    `${'a'.repeat(64)}:80`,
    `${'a.'.repeat(127)}a:80`,
    '1.2.3.4.5.6.7.8:080000',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseAddress(text), null));
  }

  it('reads names with underscores and a final dot, as registries give them', () => {
    assert.deepEqual(parseAddress('my_service.node.dc1.consul.:8300'), {
      host: 'my_service.node.dc1.consul.',
      port: 8300,
    });
  });

  it('shows IPv4 that came in on a dual-stack socket as IPv4', () => {
    assert.equal(canonicalIp('::ffff:192.0.2.7'), '192.0.2.7');
    for (const ip of ['192.0.2.7', '::1', '2001:db8::1', '::ffff:c000:207']) assert.equal(canonicalIp(ip), ip);
  });

  it('knows ports', () => {
    for (const value of [0, 80, 65_535]) assert.ok(isPort(value));
    for (const value of [-1, 65_536, 1.5, Number.NaN, '80', null, undefined]) assert.equal(isPort(value), false);
  });
});
