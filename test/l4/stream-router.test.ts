import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamRouter } from '../../src/l4/stream-router.ts';
import { streamRoute } from '../support/tcp-plane.ts';

const anywhere = { localAddress: '127.0.0.1', remoteAddress: '10.1.2.3' };

test('no route, no match', () => {
  assert.equal(new StreamRouter([], 80).match(anywhere), null);
});

test('a route without conditions takes every connection', () => {
  assert.equal(new StreamRouter([streamRoute({ id: 'any' })], 80).match({})?.id, 'any');
});

test('the port on which the connection arrived decides', () => {
  const routes = [streamRoute({ id: 'a', serverPort: 5432 }), streamRoute({ id: 'b', serverPort: 6379 })];
  assert.equal(new StreamRouter(routes, 6379).match(anywhere)?.id, 'b');
  assert.equal(new StreamRouter(routes, 80).match(anywhere), null);
});

test('an address in another spelling is the same address', () => {
  const routes = [
    streamRoute({ id: 'v6', serverAddr: '0:0:0:0:0:0:0:1' }),
    streamRoute({ id: 'v4', serverAddr: '127.0.0.1' }),
  ];
  const router = new StreamRouter(routes, 80);
  assert.equal(router.match({ localAddress: '::1' })?.id, 'v6');
  assert.equal(router.match({ localAddress: '::ffff:127.0.0.1' })?.id, 'v4');
  assert.equal(router.match({ localAddress: '127.0.0.2' }), null);
});

test('clients outside of the ranges, or already gone, do not match', () => {
  const router = new StreamRouter([streamRoute({ remoteAddrs: ['10.0.0.0/8', 'fd00::/8'] })], 80);
  assert.ok(router.match({ remoteAddress: '::ffff:10.9.9.9' }));
  assert.ok(router.match({ remoteAddress: 'fd12::1' }));
  assert.equal(router.match({ remoteAddress: '192.0.2.1' }), null);
  assert.equal(router.match({}), null);
});

test('the most specific route wins, whatever the order of the list', () => {
  const routes = [
    streamRoute({ id: 'any' }),
    streamRoute({ id: 'wide', remoteAddrs: ['10.0.0.0/8'] }),
    streamRoute({ id: 'narrow', remoteAddrs: ['10.1.0.0/16'] }),
    streamRoute({ id: 'port', serverPort: 80 }),
    streamRoute({ id: 'port-wide', serverPort: 80, remoteAddrs: ['172.16.0.0/12'] }),
    streamRoute({ id: 'address', serverAddr: '127.0.0.9' }),
  ];
  for (const list of [routes, [...routes].reverse()]) {
    const onPort = new StreamRouter(list, 80);
    assert.equal(onPort.match({ localAddress: '127.0.0.9', remoteAddress: '172.16.0.1' })?.id, 'address');
    assert.equal(onPort.match({ localAddress: '127.0.0.1', remoteAddress: '172.16.0.1' })?.id, 'port-wide');
    assert.equal(onPort.match(anywhere)?.id, 'port');
    const elsewhere = new StreamRouter(list, 81);
    assert.equal(elsewhere.match(anywhere)?.id, 'narrow');
    assert.equal(elsewhere.match({ remoteAddress: '10.2.0.1' })?.id, 'wide');
    assert.equal(elsewhere.match({ remoteAddress: '192.0.2.1' })?.id, 'any');
  }
});

test('a wide range beside a narrow one counts as wide, and among equals the first wins', () => {
  const mixed = streamRoute({ id: 'mixed', remoteAddrs: ['10.1.2.3/32', '0.0.0.0/0'] });
  const first = streamRoute({ id: 'first', remoteAddrs: ['10.1.0.0/16'] });
  const second = streamRoute({ id: 'second', remoteAddrs: ['10.1.0.0/16'] });
  assert.equal(new StreamRouter([mixed, first, second], 80).match(anywhere)?.id, 'first');
});

test('a route that names a protocol takes no other, and goes before one that names none', () => {
  const routes = [
    streamRoute({ id: 'both' }),
    streamRoute({ id: 'udp', protocol: 'udp' }),
    streamRoute({ id: 'tcp', protocol: 'tcp', serverPort: 53 }),
  ];
  assert.equal(new StreamRouter(routes, 53).match(anywhere)?.id, 'tcp');
  assert.equal(new StreamRouter(routes, 53, 'udp').match(anywhere)?.id, 'udp');
  assert.equal(new StreamRouter(routes, 54).match(anywhere)?.id, 'both');
});
