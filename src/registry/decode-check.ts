import { parseAddress } from '../core/address.ts';
import type { Fields } from './fields.ts';
import { type CheckDefinition, type CheckSource, type CheckStatus, isCheckStatus } from './model.ts';
import { RequestError } from './request-error.ts';

/** Kinds of Consul checks that need what a gateway should not do for its clients, or another protocol. */
const UNSUPPORTED = [
  'GRPC',
  'UDP',
  'H2PING',
  'Args',
  'Script',
  'DockerContainerID',
  'OSService',
  'AliasNode',
  'AliasService',
];
const MIN_INTERVAL = 1_000;
/** The longest timer that the runtime has; a longer duration means this. */
const MAX_DURATION = 24 * 24 * 3_600_000;
const METHOD = /^[A-Za-z]{1,20}$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export interface CheckDefaults {
  readonly id: string;
  readonly name: string;
  readonly serviceId: string;
}

/** Reads one check of a registration. Throws `RequestError` that names the wrong field. */
export function decodeCheck(fields: Fields, defaults: CheckDefaults): CheckDefinition {
  return {
    id: fields.text('CheckID') || fields.text('ID') || defaults.id,
    name: fields.text('Name') || defaults.name,
    notes: fields.text('Notes'),
    serviceId: defaults.serviceId,
    source: decodeSource(fields),
    initial: decodeStatus(fields),
    deregisterAfter: bounded(fields, 'DeregisterCriticalServiceAfter'),
    failuresBeforeCritical: fields.integer('FailuresBeforeCritical', 0, 0, 1_000),
    successBeforePassing: fields.integer('SuccessBeforePassing', 0, 0, 1_000),
  };
}

/** Reads the body of `PUT /v1/agent/check/register`. */
export function decodeCheckRegistration(fields: Fields): CheckDefinition {
  const name = fields.text('Name');
  if (name === '') throw new RequestError(400, 'Missing check name: set "Name"');
  const serviceId = fields.text('ServiceID');
  if (serviceId === '') {
    throw new RequestError(400, 'ServiceID is missing: this registry has checks of services only, none of its node');
  }
  return decodeCheck(fields, { id: name, name, serviceId });
}

function decodeStatus(fields: Fields): CheckStatus | null {
  const status = fields.text('Status');
  if (status === '') return null;
  if (isCheckStatus(status)) return status;
  throw new RequestError(400, `${fields.place('Status')} must be "passing", "warning" or "critical", not "${status}"`);
}

function bounded(fields: Fields, name: string): number {
  return Math.min(fields.duration(name), MAX_DURATION);
}

function decodeSource(fields: Fields): CheckSource {
  for (const kind of UNSUPPORTED) {
    const value = fields.raw(kind);
    if (value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)) {
      throw new RequestError(400, `${fields.place(kind)} is not supported by this registry; use TTL, HTTP or TCP`);
    }
  }
  const ttl = bounded(fields, 'TTL');
  const http = fields.text('HTTP');
  const tcp = fields.text('TCP');
  const kinds = [ttl > 0, http !== '', tcp !== ''].filter(Boolean).length;
  if (kinds === 0) {
    throw new RequestError(
      400,
      `${fields.place('TTL')}: a check needs one of TTL, HTTP with Interval, TCP with Interval`,
    );
  }
  if (kinds > 1) throw new RequestError(400, `${fields.place('TTL')}: only one of TTL, HTTP and TCP can be set`);
  if (ttl > 0) return { kind: 'ttl', ttl };
  return http !== '' ? decodeHttp(fields, http) : decodeTcp(fields, tcp);
}

function intervalOf(fields: Fields): number {
  const interval = bounded(fields, 'Interval');
  if (interval <= 0) throw new RequestError(400, `${fields.place('Interval')} must be set, for example to "10s"`);
  return Math.max(MIN_INTERVAL, interval);
}

function decodeTcp(fields: Fields, target: string): CheckSource {
  if (!parseAddress(target)) {
    throw new RequestError(400, `${fields.place('TCP')}: "${target}" is not host:port`);
  }
  return { kind: 'tcp', target, interval: intervalOf(fields), timeout: bounded(fields, 'Timeout') };
}

function decodeHttp(fields: Fields, url: string): CheckSource {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new RequestError(400, `${fields.place('HTTP')}: "${url}" is not an http:// or https:// URL`);
  }
  const method = fields.text('Method') || 'GET';
  if (!METHOD.test(method)) throw new RequestError(400, `${fields.place('Method')}: "${method}" is not an HTTP method`);
  return {
    kind: 'http',
    url,
    method: method.toUpperCase(),
    headers: decodeHeaders(fields),
    body: fields.text('Body'),
    skipTlsVerify: fields.flag('TLSSkipVerify'),
    interval: intervalOf(fields),
    timeout: bounded(fields, 'Timeout'),
  };
}

function decodeHeaders(fields: Fields): Record<string, readonly string[]> {
  const pairs = fields.entries('Header').map(([name, value]): [string, readonly string[]] => {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    const valid = values.every((entry) => typeof entry === 'string' && HEADER_VALUE.test(entry));
    if (!HEADER_NAME.test(name) || !valid) {
      throw new RequestError(400, `${fields.place('Header')}: "${name}" is not a header with a list of strings`);
    }
    return [name, values as readonly string[]];
  });
  return Object.fromEntries(pairs);
}
