import { decodeCheck } from './decode-check.ts';
import { Fields } from './fields.ts';
import type { CheckDefinition, Service, TaggedAddress } from './model.ts';
import { RequestError } from './request-error.ts';

const META_PAIRS = 64;
const META_KEY = /^[A-Za-z0-9_-]{1,128}$/;
const META_VALUE_LENGTH = 512;
const MAX_WEIGHT = 65_535;
const MAX_CHECKS = 64;

export interface Registration {
  readonly service: Service;
  readonly checks: readonly CheckDefinition[];
}

/** Reads the body of `PUT /v1/agent/service/register`. Throws `RequestError` that names the wrong field. */
export function decodeRegistration(body: unknown): Registration {
  const fields = new Fields(body, '');
  const name = fields.text('Name');
  if (name === '') throw new RequestError(400, 'Missing service name: set "Name"');
  const id = fields.text('ID') || name;
  const service: Service = {
    id,
    name,
    address: fields.text('Address'),
    port: fields.integer('Port', 0, 0, 65_535),
    tags: fields.texts('Tags'),
    meta: decodeMeta(fields),
    weights: decodeWeights(fields),
    taggedAddresses: decodeTaggedAddresses(fields),
    enableTagOverride: fields.flag('EnableTagOverride'),
  };
  if (/\s/.test(service.address)) throw new RequestError(400, 'Address must be an IP address or a host name');
  return { service, checks: decodeChecks(fields, service) };
}

function decodeChecks(fields: Fields, service: Service): CheckDefinition[] {
  const found = [...fields.list('Checks')];
  if (fields.has('Check')) found.unshift(fields.raw('Check'));
  if (found.length > MAX_CHECKS) throw new RequestError(400, `a service may have ${MAX_CHECKS} checks, not more`);
  const definitions = found.map((entry, index) => {
    const place = fields.has('Check') && index === 0 ? 'Check' : `Checks[${index - (fields.has('Check') ? 1 : 0)}]`;
    return decodeCheck(new Fields(entry, place), {
      id: found.length === 1 ? `service:${service.id}` : `service:${service.id}:${index + 1}`,
      name: `Service '${service.name}' check`,
      serviceId: service.id,
    });
  });
  const ids = new Set(definitions.map((definition) => definition.id));
  if (ids.size !== definitions.length) throw new RequestError(400, 'two checks of the service have the same CheckID');
  return definitions;
}

function decodeMeta(fields: Fields): Record<string, string> {
  const entries = fields.entries('Meta');
  if (entries.length > META_PAIRS) throw new RequestError(400, `Meta may hold ${META_PAIRS} pairs, not more`);
  const pairs = entries.map(([key, value]): [string, string] => {
    if (!META_KEY.test(key)) {
      throw new RequestError(400, `Meta key "${key}": use 1 to 128 letters, digits, "-" and "_"`);
    }
    if (typeof value !== 'string') throw new RequestError(400, `Meta.${key} must be a string`);
    if (value.length > META_VALUE_LENGTH) {
      throw new RequestError(400, `Meta.${key} may have ${META_VALUE_LENGTH} characters, not more`);
    }
    return [key, value];
  });
  return Object.fromEntries(pairs);
}

function decodeWeights(fields: Fields): Service['weights'] {
  if (!fields.has('Weights')) return { passing: 1, warning: 1 };
  const weights = new Fields(fields.raw('Weights'), 'Weights');
  return {
    passing: weights.integer('Passing', 1, 1, MAX_WEIGHT),
    warning: weights.integer('Warning', 0, 0, MAX_WEIGHT),
  };
}

function decodeTaggedAddresses(fields: Fields): Record<string, TaggedAddress> {
  const pairs = fields.entries('TaggedAddresses').map(([key, value]): [string, TaggedAddress] => {
    const entry = new Fields(value, `TaggedAddresses.${key}`);
    return [key, { Address: entry.text('Address'), Port: entry.integer('Port', 0, 0, 65_535) }];
  });
  return Object.fromEntries(pairs);
}
