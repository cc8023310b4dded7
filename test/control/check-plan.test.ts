import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { checkPlan } from '../../src/control/check-plan.ts';
import { probeOf } from '../../src/health/probes/of-plan.ts';

type Active = NonNullable<NonNullable<NonNullable<DocumentInput['upstreams']>[number]['checks']>['active']>;

function planFor(active: Active) {
  const [upstream] = documentFrom({ upstreams: [{ id: 'u', nodes: {}, checks: { active } }] }).upstreams;
  const plan = checkPlan(upstream!.checks!.active!);
  probeOf(plan);
  return plan;
}

describe('the plan of active checks', () => {
  it('has every time in milliseconds, and options that are off as null', () => {
    const { question, healthy, unhealthy, ...rest } = planFor({ timeout: 0.5 });
    assert.equal(question.type, 'http');
    assert.deepEqual(healthy, { intervalMs: 1000, successes: 2 });
    assert.deepEqual(unhealthy, { intervalMs: 1000, httpFailures: 5, tcpFailures: 2, timeouts: 3 });
    assert.deepEqual(rest, { timeoutMs: 500, concurrency: 10, fastIntervalMs: null, gate: false, damping: null });
    const { fastIntervalMs, gate, damping } = planFor({ fast_interval: 0.2, gate: true, flap_hold: 3 });
    assert.deepEqual([fastIntervalMs, gate, damping], [200, true, { holdMs: 3000, maxMs: 300_000 }]);
  });

  it('asks over HTTP, with TLS for https only', () => {
    const active = { host: 'a.example:8443', http_method: 'POST' as const, expect_body: 'ok', body_limit: 9 };
    assert.deepEqual(planFor(active).question, {
      type: 'http',
      tls: null,
      method: 'POST',
      path: '/',
      host: 'a.example:8443',
      headers: [],
      healthyStatuses: [200, 302],
      unhealthyStatuses: [429, 404, 500, 501, 502, 503, 504, 505],
      expectBody: 'ok',
      bodyLimit: 9,
    });
    const { question } = planFor({ ...active, type: 'https', https_verify_certificate: false });
    assert.deepEqual(question.type === 'http' && question.tls, { verify: false, serverName: 'a.example', ca: null });
  });

  it('asks over TCP and TLS, with text and hex as bytes', () => {
    const bytes = { send: 'é\r', expect: { hex: 'Ff 00' } };
    assert.deepEqual(planFor({ type: 'tcp', ...bytes }).question, {
      ...{ type: 'tcp', tls: null, send: 'c3a90d', expect: 'Ff00' },
    });
    assert.deepEqual(planFor({ type: 'tls', tls_server_name: 'b.example', host: 'a.example' }).question, {
      ...{ type: 'tcp', tls: { verify: true, serverName: 'b.example', ca: null }, send: null, expect: null },
    });
  });

  it('asks over gRPC and UDP', () => {
    assert.deepEqual(planFor({ type: 'grpc', grpc_service: 'a.B', req_headers: ['A: b'] }).question, {
      ...{ type: 'grpc', tls: null, host: null, headers: ['A: b'], service: 'a.B' },
    });
    const { question } = planFor({ type: 'grpcs' });
    assert.deepEqual(question.type === 'grpc' && question.tls, { verify: true, serverName: null, ca: null });
    assert.deepEqual(planFor({ type: 'udp' }).question, { type: 'udp', send: null, expect: null });
  });
});
