import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadText } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

const BLOCKS = `discovery:
  consul: {}
  consul_kv: {}
  dns: {}
  etcd: {}
  eureka: {host: ["http://a:8761"]}
  file: {path: /nodes}
  kubernetes: {}
  nacos: {host: ["http://a:8848"]}
`;

function printed(upstream: string): string[] {
  const result = loadText(`${BLOCKS}upstreams: [{id: 1, ${upstream}}]`, 'c.yaml', {});
  return result.ok ? [] : result.problems.map((problem) => formatProblem(problem).replace(/^c\.yaml:10:\d+: /, ''));
}

const SERVICES: Readonly<Record<string, string>> = { dns: 'web.example', kubernetes: 'default/web' };
const query = (type: string, args: string, service = SERVICES[type] ?? 'web') =>
  `discovery_type: ${type}, service_name: "${service}", discovery_args: ${args}`;
const AT = 'upstreams[0].discovery_args';

const GOOD = [
  query('consul', '{tag: "blue,v2", health: warning, near: _agent, nearest: "3", node_meta: "rack:r1"}'),
  query('consul', '{query: geo-web, nearest: "2"}'),
  query('eureka', '{port: secure}'),
  query('kubernetes', '{address_type: IPv6}', 'default/web:http'),
  query('nacos', '{namespace_id: a, group_name: b, cluster: "c,d"}'),
  query('dns', '{}', '_http._tcp.web.example'),
];

const BAD: readonly (readonly [upstream: string, ...problems: string[]])[] = [
  [
    query('consul', '{health: ok}'),
    `${AT}.health: is "ok" (write "passing" for instances whose checks all pass, or "warning" for those that warn as well)`,
  ],
  [
    query('consul', '{near: _agent}'),
    `${AT}.near: needs nearest beside it (how many of the nearest instances are preferred, such as "3")`,
  ],
  [
    query('consul', '{service_meta: version=2}'),
    `${AT}.service_meta: has "version=2", which is not a key and a value (write "rack:a1", or several with commas between them)`,
  ],
  [query('consul', '{query: q, filter: x}'), `${AT}.filter: can't stand beside query (a prepared query has its own)`],
  [query('eureka', '{port: tls}'), `${AT}.port: is "tls" (write plain or secure)`],
  [query('eureka', '{zone: a}'), `${AT}.zone: is not known (Eureka takes port)`],
  [query('nacos', '{tag: a}'), `${AT}.tag: is not known (Nacos takes namespace_id, group_name, cluster)`],
  [query('kubernetes', '{address_type: ipv4}'), `${AT}.address_type: is "ipv4" (write IPv4, IPv6 or FQDN)`],
  [
    query('kubernetes', '{}', 'web'),
    'upstreams[0].service_name: "web" is not of the form "namespace/name:port" (write "default/web:http")',
  ],
  [query('dns', '{}', '10.0.0.1:80'), 'upstreams[0].service_name: "10.0.0.1:80" is an address (write it under nodes)'],
  ...['consul_kv', 'dns', 'etcd', 'file'].map(
    (type) => [query(type, '{tag: a}'), `${AT}.tag: is not known (there are none for ${type})`] as const,
  ),
  [
    `sources: [{${query('consul', '{}')}}, {${query('eureka', '{port: "80"}')}}]`,
    'upstreams[0].sources[1].discovery_args.port: is "80" (write plain or secure)',
  ],
];

describe('what an upstream asks its registry', () => {
  for (const upstream of GOOD) {
    it(`may be ${upstream}`, () => assert.deepEqual(printed(upstream), []));
  }
  for (const [upstream, ...problems] of BAD) {
    it(`may not be ${upstream}`, () => assert.deepEqual(printed(upstream), problems));
  }

  it('is not judged where another mistake may be the reason', () => {
    const problems = printed(query('consul', '{near: _agent, nearest: 3}'));
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, /nearest: must be text/);
  });
});
