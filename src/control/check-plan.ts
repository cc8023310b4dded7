import type { ActiveChecks } from '../config/types.ts';
import type { ActiveCheckPlan, Question, TlsQuestion } from '../health/types.ts';

const SECOND = 1000;

/** What the monitor does for `checks.active` of an upstream, with times in milliseconds. */
export function checkPlan(active: ActiveChecks): ActiveCheckPlan {
  const { healthy, unhealthy, flap_hold: hold } = active;
  return {
    question: questionOf(active),
    timeoutMs: active.timeout * SECOND,
    concurrency: active.concurrency,
    fastIntervalMs: active.fast_interval === undefined ? null : active.fast_interval * SECOND,
    gate: active.gate,
    damping: hold === undefined ? null : { holdMs: hold * SECOND, maxMs: active.flap_hold_max * SECOND },
    healthy: { intervalMs: healthy.interval * SECOND, successes: healthy.successes },
    unhealthy: {
      intervalMs: unhealthy.interval * SECOND,
      httpFailures: unhealthy.http_failures,
      tcpFailures: unhealthy.tcp_failures,
      timeouts: unhealthy.timeouts,
    },
  };
}

function questionOf(active: ActiveChecks): Question {
  const host = active.host ?? null;
  const headers = active.req_headers;
  switch (active.type) {
    case 'http':
    case 'https':
      return {
        type: 'http',
        tls: active.type === 'https' ? tlsOf(active) : null,
        method: active.http_method,
        path: active.http_path,
        host,
        headers,
        healthyStatuses: active.healthy.http_statuses,
        unhealthyStatuses: active.unhealthy.http_statuses,
        expectBody: active.expect_body ?? null,
        bodyLimit: active.body_limit,
      };
    case 'tcp':
      return { type: 'tcp', tls: null, send: hexOf(active.send), expect: hexOf(active.expect) };
    case 'tls':
      return { type: 'tcp', tls: tlsOf(active), send: hexOf(active.send), expect: hexOf(active.expect) };
    case 'grpc':
    case 'grpcs': {
      const tls = active.type === 'grpcs' ? tlsOf(active) : null;
      return { type: 'grpc', tls, host, headers, service: active.grpc_service ?? '' };
    }
    case 'udp':
      return { type: 'udp', send: hexOf(active.send), expect: hexOf(active.expect) };
  }
}

function tlsOf(active: ActiveChecks): TlsQuestion {
  return {
    verify: active.https_verify_certificate,
    serverName: active.tls_server_name ?? active.host?.replace(/:\d+$/, '') ?? null,
    ca: active.tls_ca ?? null,
  };
}

function hexOf(bytes: ActiveChecks['send']): string | null {
  if (bytes === undefined) return null;
  return typeof bytes === 'string' ? Buffer.from(bytes).toString('hex') : bytes.hex.replaceAll(' ', '');
}
