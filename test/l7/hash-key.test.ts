// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { hashAddress, hashText } from '../../src/balancers/hash.ts';
import { CidrSet } from '../../src/core/cidr.ts';
import { ClientForwarding } from '../../src/l7/client-forwarding.ts';
import { HashKey } from '../../src/l7/hash-key.ts';
import { RequestHead } from '../../src/l7/head.ts';
import { parseRequestHead } from '../../src/l7/request-head.ts';
import { findCookie, findField, TextSpan } from '../../src/l7/text-span.ts';
import type { PlannedHash } from '../../src/upstream/plan.ts';
import type { BackendHandler } from '../support/http-backend.ts';
import { startProxy } from '../support/plane.ts';

const RAW =
  'GET /a/b%2d?user=7&empty=&x=1&user=8 HTTP/1.1\r\nHost: API.example:8080\r\nX-User:  ann \r\nx-user: bob\r\n' +
  'Cookie: a=1; session=s1;b = 2\r\nX-Empty: \r\nX-Forwarded-For: 198.51.100.7\r\ncookie: late=yes; session=s2\r\n\r\n';

function hashOf(on: PlannedHash['on'], key: string, { raw = RAW, trusted = false } = {}): number {
  const head = new RequestHead();
  const bytes = Buffer.from(raw, 'latin1');
  assert.equal(parseRequestHead(bytes, 0, bytes.length, { maxBytes: 9999, maxFields: 99 }, head), bytes.length);
  const forwarding = new ClientForwarding({
    remoteAddress: '::ffff:192.0.2.1',
    scheme: 'http',
    localPort: 80,
    trusted: new CidrSet(trusted ? ['192.0.2.0/24'] : []),
  });
  const socket = { remotePort: 4711, localAddress: '10.0.0.1', localPort: 80 };
  return new HashKey({ on, key }).hash(head, { forwarding, socket });
}

describe('the key of a request', () => {
  const table: [PlannedHash['on'], string, string][] = [
    ['vars', 'remote_addr', '192.0.2.1'],
    ['vars', 'remote_port', '4711'],
    ['vars', 'server_addr', '10.0.0.1'],
    ['vars', 'server_port', '80'],
    ['vars', 'host', 'api.example'],
    ['vars', 'server_name', 'api.example'],
    ['vars', 'uri', '/a/b-'],
    ['vars', 'request_uri', '/a/b-?user=7&empty=&x=1&user=8'],
    ['vars', 'query_string', 'user=7&empty=&x=1&user=8'],
    ['vars', 'args', 'user=7&empty=&x=1&user=8'],
    ['vars', 'request_method', 'GET'],
    ['vars', 'arg_user', '7'],
    ['vars', 'arg_x', '1'],
    ['vars', 'http_x_user', 'ann'],
    ['vars', 'http_host', 'api.example'],
    ['vars', 'cookie_session', 's1'],
    ['vars', 'cookie_late', 'yes'],
    ['header', 'X-User', 'ann'],
    ['header', 'x-USER', 'ann'],
    ['cookie', 'a', '1'],
  ];
  for (const [on, key, value] of table) {
    it(`${on} ${key} is ${value}`, () => assert.equal(hashOf(on, key), hashText(value)));
  }

  it('is the client’s address when the request does not have it', () => {
    for (const [on, key] of [
      ['vars', 'arg_nothing'],
      ['vars', 'arg_empty'],
      ['vars', 'arg_use'],
      ['vars', 'http_x_empty'],
      ['vars', 'unknown'],
      ['header', 'X-Use'],
      ['cookie', 'Session'],
      ['cookie', 'b'],
      ['consumer', ''],
      ['vars_combinations', '$arg_nothing-$http_nothing'],
    ] as const) {
      assert.equal(hashOf(on, key), hashAddress('192.0.2.1'), `${on} ${key}`);
    }
    assert.equal(
      hashOf('vars', 'query_string', { raw: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' }),
      hashAddress('192.0.2.1'),
    );
  });

  it('is that of the client behind trusted proxies', () => {
    assert.equal(hashOf('vars', 'remote_addr', { trusted: true }), hashAddress('198.51.100.7'));
  });

  it('tells combinations apart by all their parts', () => {
    const keys = ['$remote_addr$uri', '$uri$remote_addr', '$remote_addr', '${remote_addr}-$uri', '$uri', 'x$uri'];
    assert.equal(new Set(keys.map((key) => hashOf('vars_combinations', key))).size, keys.length);
    assert.equal(hashOf('vars_combinations', '${uri}'), hashOf('vars', 'uri'));
    assert.equal(hashOf('vars_combinations', '$uri$arg_nothing'), hashOf('vars', 'uri'));
    const other = { raw: RAW.replace('/a/b%2d', '/a/c') };
    assert.notEqual(
      hashOf('vars_combinations', '$remote_addr$uri', other),
      hashOf('vars_combinations', '$remote_addr$uri'),
    );
  });
});

describe('spans', () => {
  it('end with the lines that are there', () => {
    const span = new TextSpan();
    for (const fields of [
      '',
      'A',
      'A: b',
      'Cookie',
      '\r\n',
      'B: c\r\n',
      'Cookie: \r\n',
      'Cookie: a\r\n',
      'Cookie: a=1;;;\r\n',
    ]) {
      assert.equal(findField(fields, 'a', span), false);
      assert.equal(findCookie(fields, 'b', span), false);
    }
    assert.ok(findField('B: c\r\nA: d\r\n', 'a', span));
    assert.equal(String(span), 'd');
  });
});

describe('chash through the proxy', () => {
  const numbered: BackendHandler[] = Array.from(
    { length: 5 },
    (_, index) => (request) => void request.reply(200, String(index)),
  );
  const upstream = {
    balancer: { type: 'chash', decayMs: 10_000, boundedLoad: 0 },
    hash: { on: 'header', key: 'X-User' },
  } as const;
  const nodeOf = async (t: TestContext) => {
    const fixture = await startProxy(t, numbered, { upstream });
    const ask = async (user: string) => {
      const { status, body } = await fixture.client.get('/', user === '' ? '' : `X-User: ${user}\r\n`);
      assert.equal(status, 200);
      return Number(String(body));
    };
    return { ...fixture, ask };
  };

  it('sends one key to one node, and keys to all nodes', async (t) => {
    const { ask } = await nodeOf(t);
    const nodes = new Map<string, number>();
    for (let round = 0; round < 3; round++) {
      for (let user = 0; user < 40; user++) {
        const node = await ask(`user-${user}`);
        assert.equal(nodes.get(`user-${user}`) ?? node, node);
        nodes.set(`user-${user}`, node);
      }
    }
    assert.equal(new Set(nodes.values()).size, 5);
    const [anonymous, again] = [await ask(''), await ask('')];
    assert.equal(anonymous, again);
  });

  it('sends a retry where the key goes from then on', async (t) => {
    const { ask, backends, plane } = await nodeOf(t);
    const node = await ask('ann');
    await backends[node]!.close();
    const next = await ask('ann');
    assert.notEqual(next, node);
    plane.setNodes(backends.flatMap(({ address }, index) => (index === node ? [] : [address])));
    assert.equal(await ask('ann'), next);
  });
});
