import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadText } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

function printed(text: string): string[] {
  const result = loadText(text, 'c.yaml', {});
  return result.ok ? [] : result.problems.map((problem) => formatProblem(problem).replace(/^c\.yaml:\d+:\d+: /, ''));
}

const CASES: readonly (readonly [text: string, problem: string | null])[] = [
  ['discovery: {kubernetes: {}}', null],
  [
    'discovery: {kubernetes: {service: {schema: https, host: a, port: 6443}, client: {token: t, token_file: /t}}}',
    null,
  ],
  ['discovery: {kubernetes: {namespace_selector: {match: ["^shop-"], not_equal: a}, default_weight: 50}}', null],
  ['discovery: {file: {path: /etc/nodes}, etcd: {}, consul_kv: {}}', null],
  ['discovery: {file: {}}', 'discovery.file.path: is missing'],
  [
    'discovery: {consul_kv: {servers: ["consul:8500"]}}',
    'discovery.consul_kv.servers[0]: is not an http or https URL (write "http://127.0.0.1:8500")',
  ],
  [
    'discovery: {etcd: {servers: ["http://a:2379", "etcd://u:secret@b"]}}',
    'discovery.etcd.servers[1]: is not an http or https URL (write "http://127.0.0.1:2379")',
  ],
  [
    'discovery: {consul: {token: t, token_file: /t}}',
    'discovery.consul.token_file: cannot stand beside token (keep one of the two)',
  ],
  [
    'discovery: {consul_kv: {token: t, token_file: /t}}',
    'discovery.consul_kv.token_file: cannot stand beside token (keep one of the two)',
  ],
  ['discovery: {etcd: {cert_file: /c}}', 'discovery.etcd.cert_file: needs key_file beside it'],
  ['discovery: {etcd: {password: p}}', 'discovery.etcd.password: needs user beside it'],
  [
    'discovery: {kubernetes: {namespace_selector: {not_match: [a, "("]}}}',
    'discovery.kubernetes.namespace_selector.not_match[1]: "(" is not a regular expression',
  ],
  [
    'discovery: {kubernetes: {kubeconfig: /k, service: {host: a}}}',
    'discovery.kubernetes.kubeconfig: cannot stand beside service.host (keep one of the two)',
  ],
  [
    'discovery: {kubernetes: {context: a}}',
    'discovery.kubernetes.context: needs kubeconfig (it names a part of that file)',
  ],
  [
    'upstreams: [{id: 1, service_name: web, discovery_type: etcd}]',
    'upstreams[0].discovery_type: "etcd" has no settings under discovery (add discovery.etcd)',
  ],
];

describe('blocks of Kubernetes and of node lists', () => {
  for (const [text, problem] of CASES) {
    it(`${problem === null ? 'takes' : 'refuses'} ${text}`, () => {
      assert.deepEqual(printed(text), problem === null ? [] : [problem]);
    });
  }
});
