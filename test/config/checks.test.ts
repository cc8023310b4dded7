import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadText } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { TEST_CERTIFICATE } from '../support/test-certificate.ts';

/** What is wrong with active checks that are written so, without the place in the file. */
function problems(active: string, around = (checks: string) => `upstreams: [{id: 1, nodes: {}, ${checks}}]`): string[] {
  const result = loadText(around(`checks: {active: {${active}}}`), 'c.yaml', {});
  if (result.ok) return [];
  return result.problems.map((problem) => formatProblem(problem).replace(/^c\.yaml:\d+:\d+: .*?active/, 'active'));
}

describe('active checks', () => {
  for (const active of [
    'type: https, http_method: HEAD, tls_server_name: a.example, https_verify_certificate: false',
    'expect_body: \'"status": *"UP"\', body_limit: 100',
    'type: tcp, send: "PING\\r\\n", expect: {hex: "2b 50 4f4E47"}',
    'type: tls, expect: ready',
    'type: udp, send: {hex: "00"}',
    'type: grpcs, grpc_service: a.B, host: x',
    'type: tcp, http_path: /x, req_headers: ["A: b"], https_verify_certificate: false',
    'fast_interval: 0.5, gate: true, flap_hold: 10, flap_hold_max: 60',
  ]) {
    it(`may be { ${active} }`, () => assert.deepEqual(problems(active), []));
  }

  for (const [active, problem] of [
    ['type: ftp', 'active.type: must be "http", "https", "tcp", "tls", "grpc", "grpcs" or "udp", is "ftp"'],
    [
      'type: tcp, expect_body: x',
      'active.expect_body: has no meaning for checks of type "tcp" (it is for http, https)',
    ],
    ['send: x, expect: y', 'active.send: has no meaning for checks of type "http" (it is for tcp, tls, udp)'],
    ['type: grpc, tls_ca: x', 'active.tls_ca: has no meaning for checks of type "grpc" (it is for https, tls, grpcs)'],
    ['type: tls, tls_ca: ca.pem', 'active.tls_ca: holds no certificate (give the PEM text itself, not a file)'],
    [
      'type: tls, tls_ca: "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----"',
      'active.tls_ca: certificate 1 cannot be read',
    ],
    [
      'type: tcp, grpc_service: x',
      'active.grpc_service: has no meaning for checks of type "tcp" (it is for grpc, grpcs)',
    ],
    ['type: tcp, send: x', 'active.send: needs expect (add what the node must answer)'],
    ['type: udp, send: {hex: abc}', 'active.send.hex: must be hex digits, two for each byte, is "abc"'],
    ['type: udp, send: 7', 'active.send: must be text or {hex: …}, is the number 7'],
    ['expect_body: "(a"', 'active.expect_body: the pattern "(a" has a "(" without a ")"'],
    ['expect_body: ok, http_method: HEAD', 'active.expect_body: an answer to HEAD has no body (use http_method: GET)'],
    ['flap_hold: 400', 'active.flap_hold: must be at most flap_hold_max, 300, is 400'],
    [
      'http_method: get',
      'active.http_method: must be "GET", "HEAD", "OPTIONS" or "POST", is "get" (did you mean "GET"?)',
    ],
  ] as const) {
    it(`may not be { ${active} }`, () => {
      assert.ok(problems(active).includes(problem), problems(active).join('\n'));
    });
  }

  it('may trust certificates that are written out', () => {
    assert.deepEqual(problems(`type: tls, tls_ca: ${JSON.stringify(TEST_CERTIFICATE.repeat(2))}`), []);
  });

  it('are looked at wherever an upstream may stand', () => {
    for (const around of [
      (checks: string) => `routes: [{id: 1, uri: /, upstream: {nodes: {}, ${checks}}}]`,
      (checks: string) => `services: [{id: 1, upstream: {nodes: {}, ${checks}}}]`,
      (checks: string) => `stream_routes: [{id: 1, upstream: {nodes: {}, ${checks}}}]`,
    ]) {
      assert.match(problems('type: tcp, send: x', around).join('\n'), /send: needs expect/);
    }
  });
});
