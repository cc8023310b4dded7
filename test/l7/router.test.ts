import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { RequestHead } from '../../src/l7/head.ts';
import { forwardTarget, Router } from '../../src/l7/router.ts';
import type { PlannedRoute } from '../../src/upstream/plan.ts';
import { plainRoute } from '../support/planned.ts';

function route(id: string, uris: string | string[], more: Partial<PlannedRoute> = {}): PlannedRoute {
  return {
    ...plainRoute(id, 'u'),
    slot: 0,
    uris: [uris].flat(),
    websocket: false,
    ...more,
  };
}

function request(path: string, host = 'h', method = 'GET', query = ''): RequestHead {
  const head = new RequestHead();
  head.path = path;
  head.target = path + query;
  head.host = host;
  head.method = method;
  return head;
}

/** The id of the route taken; null when there is none. */
function take(routes: readonly PlannedRoute[], head: RequestHead, from = '192.0.2.1'): string | null {
  return new Router(routes).match(head, from)?.route.id ?? null;
}

describe('Router: paths', () => {
  const routes = [
    route('root', '/*'),
    route('foo*', '/foo*'),
    route('foo/*', '/foo/*'),
    route('foo', '/foo'),
    route('foo/bar', '/foo/bar'),
    route('foo/bar*', '/foo/bar*'),
    route('file', '/files/index.html'),
    route('two', ['/two', '/zwei/*']),
  ];

  it('takes the exact path, then the longest prefix', () => {
    const expected: readonly (readonly [path: string, id: string | null])[] = [
      ['/foo', 'foo'],
      ['/foo/', 'foo/*'],
      ['/foo/x', 'foo/*'],
      ['/foox', 'foo*'],
      ['/fo', 'root'],
      ['/foo/bar', 'foo/bar'],
      ['/foo/bar/x', 'foo/bar*'],
      ['/foo/ba', 'foo/*'],
      ['/', 'root'],
      ['/files/index.html', 'file'],
      ['/files/index.htm', 'root'],
      ['/files/index.html/', 'root'],
      ['/FOO', 'root'],
      ['/two', 'two'],
      ['/two/', 'root'],
      ['/zwei/x', 'two'],
      ['/zwei', 'root'],
      ['*', null],
    ];
    for (const [path, id] of expected) assert.equal(take(routes, request(path)), id, path);
  });

  it('does not match the bare folder with a prefix that ends in a slash', () => {
    assert.equal(take([route('a', '/foo/*')], request('/foo')), null);
    assert.equal(take([route('a', '/foo*')], request('/foo')), 'a');
  });

  it('takes everything with "*", the asterisk-form too', () => {
    assert.equal(take([route('all', '*')], request('*')), 'all');
    assert.equal(take([route('all', '*')], request('/x')), 'all');
  });

  it('compares patterns in the form that paths are in', () => {
    assert.equal(take([route('a', '/%7euser')], request('/~user')), 'a');
    assert.equal(take([route('a', '/caf\u00e9/*')], request('/caf%C3%A9/x')), 'a');
    assert.equal(take([route('a', '/a b')], request('/a%20b')), 'a');
    assert.equal(take([route('a', '/a//b')], request('/a/b')), 'a');
    assert.equal(take([route('a', '/../x')], request('/x')), null);
  });

  it('finds nothing where no route was defined', () => {
    assert.equal(take([], request('/')), null);
    assert.equal(take([route('a', '/a')], request('/b')), null);
    assert.equal(take([route('a', '/constructor')], request('/__proto__')), null);
  });

  it('decides between equal paths by priority, then by order', () => {
    const equal = [route('first', '/a'), route('high', '/a', { priority: 5 }), route('second', '/a')];
    assert.equal(take(equal, request('/a')), 'high');
    assert.equal(take([equal[2]!, equal[0]!], request('/a')), 'second');
    assert.equal(take([route('long', '/a/b*'), route('short', '/a*', { priority: 9 })], request('/a/b')), 'long');
  });
});

describe('Router: hosts', () => {
  const routes = [
    route('any', '/*'),
    route('wild', '/*', { hosts: ['*.example.com'] }),
    route('wilder', '/*', { hosts: ['*.b.example.com'] }),
    route('exact', '/x/*', { hosts: ['a.b.example.com', 'c.example.com'] }),
    route('wild-only', '/only-wild', { hosts: ['*.example.com'] }),
  ];

  it('takes the exact host, then the longest wildcard, then any host', () => {
    const expected: readonly (readonly [host: string, path: string, id: string])[] = [
      ['a.b.example.com', '/x/1', 'exact'],
      ['a.b.example.com', '/y', 'wilder'],
      ['a.b.example.com', '/only-wild', 'wilder'],
      ['c.example.com', '/x/1', 'exact'],
      ['c.example.com', '/only-wild', 'wild-only'],
      ['c.example.com', '/y', 'wild'],
      ['b.example.com', '/x/1', 'wild'],
      ['deep.a.b.example.com', '/', 'wilder'],
      ['example.com', '/', 'any'],
      ['xexample.com', '/', 'any'],
      ['', '/x/1', 'any'],
    ];
    for (const [host, path, id] of expected) assert.equal(take(routes, request(path, host)), id, host + path);
  });

  it('falls through from an exact host whose paths do not fit, down to none at all', () => {
    assert.equal(take([route('a', '/a', { hosts: ['h'] })], request('/b')), null);
    assert.equal(take([route('a', '/a', { hosts: ['h'] }), route('b', '/b')], request('/b')), 'b');
    assert.equal(take([route('w', '/w', { hosts: ['*.h'] }), route('n', '/w')], request('/w', 'x.h')), 'w');
  });
});

describe('Router: methods and clients', () => {
  it('passes over a route whose methods do not fit, to the next one down to routes for any host', () => {
    const routes = [
      route('exact', '/a', { methods: ['PUT'], hosts: ['h'] }),
      route('prefix', '/a*', { methods: ['POST', 'PATCH'], hosts: ['h'] }),
      route('any-host', '/*', { methods: ['GET'] }),
    ];
    assert.equal(take(routes, request('/a', 'h', 'PUT')), 'exact');
    assert.equal(take(routes, request('/a', 'h', 'PATCH')), 'prefix');
    assert.equal(take(routes, request('/a', 'h', 'GET')), 'any-host');
    assert.equal(take(routes, request('/a', 'h', 'DELETE')), null);
    assert.equal(take(routes, request('/a', 'h', 'put')), null);
  });

  it('passes over a route that is not for the client', () => {
    const routes = [
      route('office', '/a', { remoteAddrs: ['10.0.0.0/8', '2001:db8::/32'] }),
      route('one', '/a', { remoteAddrs: ['192.0.2.7'] }),
    ];
    assert.equal(take(routes, request('/a'), '10.1.2.3'), 'office');
    assert.equal(take(routes, request('/a'), '::ffff:10.1.2.3'), 'office');
    assert.equal(take(routes, request('/a'), '2001:db8::5'), 'office');
    assert.equal(take(routes, request('/a'), '192.0.2.7'), 'one');
    assert.equal(take(routes, request('/a'), '192.0.2.8'), null);
  });

  it('tells a recorder what it tried, in order and why it was passed over', () => {
    const router = new Router([
      route('any', '/*'),
      route('put', '/a', { methods: ['PUT'], hosts: ['*.h'] }),
      route('office', '/a*', { remoteAddrs: ['10.0.0.0/8'], hosts: ['*.h'] }),
      route('never-tried', '*'),
    ]);
    const tried: string[] = [];
    router.match(request('/a', 'x.h'), '192.0.2.1', (match, refusal) => {
      tried.push(`${match.route.id} ${match.host} ${match.uri}: ${refusal ?? 'taken'}`);
    });
    assert.deepEqual(tried, ['put *.h /a: method', 'office *.h /a*: remote-address', 'any null /*: taken']);
  });
});

/** The rules once more, as a plain comparison of all routes. */
function reference(routes: readonly PlannedRoute[], head: RequestHead, from: string): string | null {
  const fits: { id: string; rank: readonly number[] }[] = [];
  routes.forEach((each, order) => {
    if (each.methods.length > 0 && !each.methods.includes(head.method)) return;
    if (each.remoteAddrs.length > 0 && !each.remoteAddrs.includes(from)) return;
    for (const host of each.hosts.length === 0 ? [''] : each.hosts) {
      const hostRank = rankOf(host.startsWith('*') ? host.slice(1) : host, host.startsWith('*'), head.host, 'endsWith');
      for (const uri of each.uris) {
        const isPrefix = uri.endsWith('*');
        const pathRank = rankOf(isPrefix ? uri.slice(0, -1) : uri, isPrefix, head.path, 'startsWith');
        if (pathRank < 0 || (host !== '' && hostRank < 0)) continue;
        fits.push({ id: each.id, rank: [host === '' ? -1 : hostRank, pathRank, each.priority, -order] });
      }
    }
  });
  fits.sort((a, b) => b.rank.map((value, i) => value - a.rank[i]!).find((difference) => difference !== 0) ?? 0);
  return fits[0]?.id ?? null;
}

function rankOf(pattern: string, isOpen: boolean, text: string, how: 'startsWith' | 'endsWith'): number {
  if (!isOpen) return pattern === text ? Number.MAX_SAFE_INTEGER : -1;
  return text[how](pattern) ? pattern.length : -1;
}

function some<T>(random: Random, from: readonly T[], most: number): T[] {
  return Array.from({ length: random.below(most + 1) }, () => from[random.below(from.length)]!);
}

describe('Router: at random', () => {
  it('agrees with a comparison of all routes', () => {
    const random = seededRandom(42);
    const words = ['/', '/a', '/a/', '/ab', '/a/b', '/a/b/c', '/b', '/b/a', '/abc', '/a/bc'];
    const hosts = ['h', 'a.h', 'b.a.h', 'c.b.a.h', 'ah', 'x.ah'];
    const uris = [...words, ...words.map((word) => `${word}*`), '*'];
    const hostPatterns = [...hosts, ...hosts.map((host) => `*.${host}`)];
    let matched = 0;
    for (let round = 0; round < 300; round++) {
      const routes = Array.from({ length: 1 + random.below(12) }, (_, i) =>
        route(`r${i}`, [uris[random.below(uris.length)]!, ...some(random, uris, 2)], {
          hosts: some(random, hostPatterns, 2),
          methods: some(random, ['GET', 'POST'], 1),
          remoteAddrs: some(random, ['192.0.2.1', '192.0.2.2'], 1),
          priority: random.below(3),
        }),
      );
      const router = new Router(routes);
      for (let i = 0; i < 40; i++) {
        const head = request(
          words[random.below(words.length)]!,
          hosts[random.below(hosts.length)]!,
          i % 2 === 0 ? 'GET' : 'POST',
        );
        const from = i % 3 === 0 ? '192.0.2.1' : '192.0.2.2';
        const id = router.match(head, from)?.route.id ?? null;
        assert.equal(id, reference(routes, head, from), JSON.stringify({ routes, path: head.path, host: head.host }));
        if (id !== null) matched += 1;
      }
    }
    assert.ok(matched > 5000, `only ${matched} requests matched`);
  });

  it('finds each of 10,000 routes', () => {
    const routes = Array.from({ length: 10_000 }, (_, i) =>
      route(`r${i}`, `/service-${i}/*`, { hosts: i % 2 === 0 ? [] : [`s${i}.h`] }),
    );
    const router = new Router(routes);
    for (let i = 0; i < routes.length; i++) {
      assert.equal(router.match(request(`/service-${i}/x`, `s${i}.h`), '192.0.2.1')?.route, routes[i]);
    }
    assert.equal(router.match(request('/service-10000/x'), '192.0.2.1'), null);
  });
});

describe('forwardTarget', () => {
  it('cuts the prefix off at the end of a segment', () => {
    const rows: readonly (readonly [prefix: string | null, path: string, query: string, target: string])[] = [
      [null, '/api/x', '?q', '/api/x?q'],
      ['/api', '/api/x', '', '/x'],
      ['/api', '/api/x/y', '?a=/api', '/x/y?a=/api'],
      ['/api', '/api', '', '/'],
      ['/api', '/api', '?q', '/?q'],
      ['/api', '/api/', '', '/'],
      ['/api/', '/api/x', '', '/x'],
      ['/api/', '/api/', '?q', '/?q'],
      ['/api/', '/api', '', '/api'],
      ['/api', '/apix', '', '/apix'],
      ['/a', '/a../b', '', '/a../b'],
      ['/a', '/a.', '', '/a.'],
      ['/api', '/other/api', '', '/other/api'],
      ['/', '/x', '', '/x'],
      ['', '/x', '', '/x'],
      ['/api', '*', '', '*'],
    ];
    for (const [stripPrefix, path, query, target] of rows) {
      const head = request(path, 'h', 'GET', query);
      assert.equal(forwardTarget(route('r', '/*', { stripPrefix }), head), target, `${stripPrefix} ${path}${query}`);
    }
  });
});
