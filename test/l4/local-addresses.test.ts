import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { isWildcard, localAddresses } from '../../src/l4/local-addresses.ts';

test('an IPv4 wildcard stands for the IPv4 addresses of the interfaces, an IPv6 one for all', () => {
  assert.deepEqual(['0.0.0.0', '::', '127.0.0.1', '::1'].map(isWildcard), [true, true, false, false]);
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const v4 = localAddresses('0.0.0.0');
  const all = localAddresses('::');
  assert.ok(v4.includes('127.0.0.1'));
  assert.ok(v4.every(isIPv4));
  assert.equal(all.length, new Set(all).size);
  for (const address of v4) assert.ok(all.includes(address));
  for (const { address, scopeid } of own) assert.ok(scopeid || all.includes(address), address);
});

test('an IPv6 address of one link has its zone', () => {
  for (const address of localAddresses('::')) assert.equal(address.startsWith('fe80:'), address.includes('%'), address);
});
