import { X509Certificate } from 'node:crypto';
import { Pattern } from '../../core/pattern.ts';
import { type Path, quote } from '../problem.ts';
import type { DocumentInput } from '../types.ts';
import type { RuleContext } from './context.ts';

type Upstream = NonNullable<DocumentInput['upstreams']>[number];
type Active = NonNullable<NonNullable<Upstream['checks']>['active']>;

/**
 * Types of checks that a setting is for. Left out are those that have a default, as a document may be written with its
 * defaults, and those of APISIX, which passes over what it has no use for.
 */
const FOR_TYPES: Readonly<Partial<Record<keyof Active, readonly string[]>>> = {
  expect_body: ['http', 'https'],
  send: ['tcp', 'tls', 'udp'],
  expect: ['tcp', 'tls', 'udp'],
  grpc_service: ['grpc', 'grpcs'],
  tls_server_name: ['https', 'tls', 'grpcs'],
  tls_ca: ['https', 'tls', 'grpcs'],
};

/** Active checks ask for what their type can ask. */
export function checkActiveChecks(context: RuleContext): void {
  for (const { item, path, whole } of context.items('upstreams')) checkUpstream(context, item, path, whole);
  for (const kind of ['services', 'routes', 'stream_routes'] as const) {
    for (const { item, path, whole } of context.items(kind)) {
      if (item.upstream) checkUpstream(context, item.upstream, [...path, 'upstream'], whole);
    }
  }
}

function checkUpstream(context: RuleContext, upstream: Pick<Upstream, 'checks'>, path: Path, whole: boolean): void {
  const active = upstream.checks?.active;
  if (!active) return;
  const at = [...path, 'checks', 'active'];
  if (active.expect_body !== undefined) checkPattern(context, active.expect_body, [...at, 'expect_body']);
  if (active.tls_ca !== undefined) checkCertificates(context, active.tls_ca, [...at, 'tls_ca']);
  if (whole) checkSettings(context, active, at);
}

function checkPattern(context: RuleContext, pattern: string, path: Path): void {
  try {
    new Pattern(pattern);
  } catch (error) {
    context.error(path, `the pattern ${quote(pattern)} ${(error as Error).message}`);
  }
}

/** Reads them as TLS will when the first check is made. */
function checkCertificates(context: RuleContext, pem: string, path: Path): void {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  if (certificates.length === 0) context.error(path, 'holds no certificate', 'give the PEM text itself, not a file');
  certificates.forEach((certificate, index) => {
    try {
      new X509Certificate(certificate);
    } catch {
      context.error(path, `certificate ${index + 1} cannot be read`);
    }
  });
}

function checkSettings(context: RuleContext, active: Active, path: Path): void {
  const { type = 'http' } = active;
  for (const [key, types] of Object.entries(FOR_TYPES)) {
    if (active[key as keyof Active] === undefined || types.includes(type)) continue;
    context.error([...path, key], `has no meaning for checks of type ${quote(type)}`, `it is for ${types.join(', ')}`);
  }
  if (active.expect_body !== undefined && active.http_method === 'HEAD') {
    context.error([...path, 'expect_body'], 'an answer to HEAD has no body', 'use http_method: GET');
  }
  if (active.send !== undefined && active.expect === undefined && (type === 'tcp' || type === 'tls')) {
    context.error([...path, 'send'], 'needs expect', 'add what the node must answer');
  }
  const { flap_hold: hold, flap_hold_max: max = 300 } = active;
  if (hold !== undefined && hold > max) {
    context.error([...path, 'flap_hold'], `must be at most flap_hold_max, ${max}, is ${hold}`);
  }
}
