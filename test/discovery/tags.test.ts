import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { claimKey } from '../../src/discovery/claims.ts';
import { hasRouteTags, readTags, type TagReading } from '../../src/discovery/tags.ts';
import { node } from '../support/nodes.ts';

function read(tags: readonly string[], metadata: Record<string, string> = {}): TagReading {
  return readTags('web', node('10.0.0.1', 80, { tags, metadata }), null);
}

function keys(tags: readonly string[], metadata: Record<string, string> = {}): string[] {
  const reading = read(tags, metadata);
  assert.deepEqual(reading.warnings, []);
  return reading.claims.map(claimKey);
}

test('headgate tags make a claim for every host and path', () => {
  const table: [string[], string[]][] = [
    [['headgate.host=API.example.com.'], ['api.example.com/*']],
    [['headgate.path=/'], ['/*']],
    [['headgate.path=/orders'], ['/orders']],
    [['headgate.path=/orders/*'], ['/orders/*']],
    [
      ['headgate.host=a.com, *.b.com', 'headgate.host=c.com', 'headgate.path=/x', 'headgate.path=/y/*,/x'],
      ['a.com/x', 'a.com/y/*', '*.b.com/x', '*.b.com/y/*', 'c.com/x', 'c.com/y/*'],
    ],
    [['headgate.path=/x', 'headgate.methods=post,GET'], ['/x;methods=GET,POST']],
    [['headgate.path=/x', 'headgate.priority=-5'], ['/x;priority=-5']],
    [
      ['headgate.path=/x/*,/y,/*', 'headgate.strip=true'],
      ['/x/*;strip=/x', '/y;strip=/y', '/*'],
    ],
    [['headgate.path=/x/*', 'headgate.strip=false'], ['/x/*']],
    [['headgate.tcp=5432,5433'], ['tcp:5432', 'tcp:5433']],
    [['headgate.sni=DB.example.com'], ['sni:db.example.com']],
    [
      ['headgate.tcp=5432', 'headgate.sni=db.example,*.db.example'],
      ['tcp:5432;sni=db.example', 'tcp:5432;sni=*.db.example'],
    ],
    [[' HeadGate.Path = /x '], ['/x']],
    [['v1', 'primary', 'headgate', 'urlprefix'], []],
    [['headgate.host=a.com', 'headgate.enable=false'], []],
    [['headgate.host=a.com', 'headgate.enable=true'], ['a.com/*']],
    [['headgate.weight=3'], []],
  ];
  for (const [tags, claims] of table) assert.deepEqual(keys(tags), claims, tags.join(' '));
});

test('metadata counts like tags, also under the keys that Consul allows', () => {
  assert.deepEqual(keys(['headgate.path=/x'], { 'headgate.host': 'a.com' }), ['a.com/x']);
  assert.deepEqual(keys([], { 'headgate-host': 'a.com', headgate_path: '/x/*', version: '1' }), ['a.com/x/*']);
  assert.equal(read([], { 'headgate-weight': '7' }).weight, 7);
});

test('a weight in the tags is read, 0 included', () => {
  assert.equal(read(['headgate.weight=3']).weight, 3);
  assert.equal(read(['headgate.weight=0']).weight, 0);
  assert.equal(read(['a']).weight, null);
});

test('Fabio tags make a prefix claim each', () => {
  const table: [string[], string[]][] = [
    [['urlprefix-/'], ['/*']],
    [['urlprefix-/foo'], ['/foo*']],
    [['urlprefix-Example.com/'], ['example.com/*']],
    [['urlprefix-*.example.com/foo/'], ['*.example.com/foo/*']],
    [['urlprefix-example.com:80/foo'], ['example.com/foo*']],
    [['urlprefix-/foo strip=/foo'], ['/foo*;strip=/foo']],
    [['urlprefix-/foo strip=/'], ['/foo*']],
    [['urlprefix-/foo proto=http'], ['/foo*']],
    [['urlprefix-:5432 proto=tcp'], ['tcp:5432']],
    [
      ['urlprefix-/a', 'urlprefix-/b', 'urlprefix-/a'],
      ['/a*', '/b*'],
    ],
    [
      ['urlprefix-/a', 'headgate.path=/b'],
      ['/a*', '/b'],
    ],
  ];
  for (const [tags, claims] of table) assert.deepEqual(keys(tags), claims, tags.join(' '));
  assert.equal(read(['urlprefix-/foo weight=0.25']).share, 0.25);
});

test('what cannot be used is reported with the service, the tag and a remedy, and never widens a route', () => {
  const table: [string[], string[], RegExp][] = [
    [['headgate.hots=a.com'], [], /"headgate\.hots" is not known; known are headgate\.host/],
    [['headgate.host=a b'], [], /"a b" is not a host; write a host name/],
    [['headgate.host=a.com:80'], [], /is not a host/],
    [['headgate.host='], [], /is not a host/],
    [['headgate.host=a.com,b_c..d'], ['a.com/*'], /"b_c\.\.d" is not a host/],
    [['headgate.host=bad host', 'headgate.path=/x'], [], /is not a host/],
    [['headgate.host=a.com', 'headgate.path=x'], [], /"x" is not a path/],
    [['headgate.path=/a/*/b'], [], /is not a path/],
    [['headgate.path=/a/../b'], [], /is not a path/],
    [['headgate.path=/a?b'], [], /is not a path/],
    [['headgate.path=/x', 'headgate.methods=FETCH'], [], /"FETCH" is not a method/],
    [['headgate.path=/x', 'headgate.priority=high'], ['/x'], /write a whole number/],
    [['headgate.path=/x', 'headgate.priority=1', 'headgate.priority=2'], ['/x;priority=1'], /stated twice/],
    [['headgate.path=/x', 'headgate.strip=yes'], ['/x'], /write true or false/],
    [['headgate.path=/x', 'headgate.enable=no'], [], /write true or false/],
    [['headgate.path=/x', 'headgate.weight=-1'], ['/x'], /write a whole number from 0/],
    [['headgate.tcp=70000'], [], /is not a port/],
    [['headgate.tcp=5432', 'headgate.sni=a b'], [], /is not a host/],
    [['headgate.tcp=x', 'headgate.sni=db.example'], [], /is not a port/],
    [['headgate.strip=true'], [], /no host and no path is named/],
    [['urlprefix-example.com'], [], /has no path; write urlprefix-example\.com\//],
    [['urlprefix-a b/'], [], /has no path/],
    [['urlprefix-ex$ample.com/'], [], /is not a host name/],
    [['urlprefix-/a/../b'], [], /is not a path/],
    [['urlprefix-/a proto=https'], [], /proto=https is not supported, so there is no route/],
    [['urlprefix-/a allow=ip:10.0.0.0/8'], [], /allow is not supported, so there is no route/],
    [['urlprefix-/a auth=basic'], [], /auth is not supported, so there is no route/],
    [['urlprefix-/a strip=x'], [], /strip=x is not a path/],
    [['urlprefix-/a weight=5'], ['/a*'], /a share from 0 to 1/],
    [['urlprefix-/a register=x'], ['/a*'], /register is not supported and has no effect/],
    [['urlprefix-:x proto=tcp'], [], /is not a port; write urlprefix-:5432/],
  ];
  for (const [tags, claims, message] of table) {
    const reading = read(tags);
    assert.deepEqual(reading.claims.map(claimKey), claims, tags.join(' | '));
    assert.ok(
      reading.warnings.some((warning) => message.test(warning.message) && warning.service === 'web'),
      `${tags.join(' | ')}: ${JSON.stringify(reading.warnings)}`,
    );
  }
});

test('a default route serves instances that name neither host nor path, with their other options', () => {
  const fallback = { host: 'web.example.com', uri: '/*' };
  const claimed = (...tags: string[]) => {
    return readTags('web', node('10.0.0.1', 80, { tags }), fallback).claims.map(claimKey);
  };
  assert.deepEqual(claimed(), ['web.example.com/*']);
  assert.deepEqual(claimed('headgate.priority=3'), ['web.example.com/*;priority=3']);
  assert.deepEqual(claimed('headgate.path=/x'), ['/x']);
  assert.deepEqual(claimed('urlprefix-/x'), ['/x*']);
  assert.deepEqual(claimed('urlprefix-bad'), []);
  assert.deepEqual(claimed('headgate.host=b a d'), []);
  assert.deepEqual(claimed('headgate.enable=false'), []);
});

test('services that ask for routes are told from those that do not', () => {
  assert.equal(hasRouteTags(['v1', ' Headgate.path=/']), true);
  assert.equal(hasRouteTags(['urlprefix-/']), true);
  assert.equal(hasRouteTags(['headgate', 'my-headgate.path=/']), false);
});

test('no tag or metadata makes reading throw, and no claim has a path or host that could be misread', () => {
  const piece = fc.constantFrom(
    'headgate.',
    'host',
    'path',
    '=',
    '/',
    '*',
    ',',
    '..',
    'urlprefix-',
    ' ',
    'strip=',
    ':',
    'é',
    '%',
  );
  const tag = fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 8 }).map((parts) => parts.join(''));
  const metadata = fc.dictionary(fc.oneof(tag, fc.constant('headgate-host')), tag, { maxKeys: 3 });
  fc.assert(
    fc.property(fc.array(tag, { maxLength: 5 }), metadata, (tags, meta) => {
      for (const claim of read(tags, meta).claims) {
        if (claim.kind === 'tcp') continue;
        assert.match(claim.uri, /^\/[!-~]*$/);
        assert.match(claim.host ?? 'any', /^(\*\.)?[a-z0-9._-]+$/);
      }
    }),
    { numRuns: 500 },
  );
});
