import fc from 'fast-check';
import { mapValues, type Shape } from '../../src/config/shape.ts';

/** Values that a schema takes. Whether they make sense together is another matter. */
export function arbitraryFor(shape: Shape): fc.Arbitrary<unknown> {
  if (shape.anyOf) return fc.oneof(...shape.anyOf.map(arbitraryFor));
  if (shape.enum) return fc.constantFrom(...shape.enum);
  if (shape.const !== undefined) return fc.constant(shape.const);
  switch (shape.type) {
    case 'object':
      return objectFor(shape);
    case 'array':
      return fc.uniqueArray(arbitraryFor(shape.items ?? {}), {
        minLength: shape.minItems ?? 0,
        maxLength: 3,
        selector: (entry) => JSON.stringify(entry),
      });
    case 'integer':
      return fc.integer({ min: shape.minimum ?? -1000, max: Math.min(shape.maximum ?? 1000, 2 ** 31 - 1) });
    case 'number': {
      const low = shape.exclusiveMinimum ?? shape.minimum ?? 0;
      return fc.double({
        min: low,
        max: shape.maximum ?? 1000,
        noNaN: true,
        minExcluded: shape.exclusiveMinimum !== undefined,
      });
    }
    case 'boolean':
      return fc.boolean();
    default:
      return textFor(shape);
  }
}

function objectFor(shape: Shape): fc.Arbitrary<unknown> {
  const values = mapValues(shape);
  if (values)
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,5}:[1-9][0-9]{0,3}$/), arbitraryFor(values), { maxKeys: 3 });
  const fields = Object.entries(shape.properties ?? {}).map(([key, field]) => [key, arbitraryFor(field)]);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [...(shape.required ?? [])] as never[] });
}

function textFor(shape: Shape): fc.Arbitrary<string> {
  const most = Math.min(shape.maxLength ?? 20, 20);
  if (!shape.pattern) return fc.string({ minLength: shape.minLength ?? 0, maxLength: most });
  return fc
    .stringMatching(new RegExp(shape.pattern))
    .filter((text) => text.length >= (shape.minLength ?? 0) && text.length <= most);
}

const textLike = fc.constantFrom('a', 'api', 'web-1', 'x.y');

/** Whole documents without a fault: every reference leads somewhere, every address can be read. */
export function validDocuments(): fc.Arbitrary<Record<string, unknown>> {
  const octet = fc.integer({ min: 1, max: 254 });
  const ips = fc.tuple(octet, octet).map(([c, d]) => `10.0.${c}.${d}`);
  const weights = fc.integer({ min: 0, max: 100 });
  const nodeMaps = fc.dictionary(
    ips.map((ip) => `${ip}:80`),
    weights,
    { maxKeys: 4 },
  );
  const nodeLists = fc.uniqueArray(
    fc.record({ host: ips, port: fc.constant(80), weight: weights }, { requiredKeys: ['host', 'port'] }),
    {
      selector: (node) => node.host,
      maxLength: 4,
    },
  );
  const settings = {
    retries: fc.integer({ min: 0, max: 5 }),
    timeout: fc.record({ connect: fc.integer({ min: 1, max: 9 }) }, { requiredKeys: [] }),
    labels: fc.dictionary(textLike, textLike, { maxKeys: 2 }),
    checks: fc.constantFrom({}, { active: {} }, { active: { type: 'tcp', healthy: { interval: 2 } } }),
  };
  const upstreams = fc.oneof(
    fc.record({ nodes: fc.oneof(nodeMaps, nodeLists), ...settings }, { requiredKeys: ['nodes'] }),
    fc.record(
      { service_name: textLike, discovery_type: fc.constant('consul'), ...settings },
      { requiredKeys: ['service_name', 'discovery_type'] },
    ),
  );
  const targets = fc.oneof(
    upstreams.map((upstream) => ({ upstream })),
    fc.constantFrom<object>({ upstream_id: 'u0' }, { service_id: 's0' }, { service_id: 's0', upstream_id: 'u0' }),
  );
  const uris = fc.constantFrom('/', '/*', '/a', '/a/*', '/%20*');
  const hosts = fc.constantFrom('a.example', '*.B.example', '[::1]', '10.1.2.3');
  const ranges = fc.constantFrom('10.0.0.0/8', '::1', 'fd00::/8');
  const matches = fc.tuple(oneOrMany('uri', uris, true), oneOrMany('host', hosts), oneOrMany('remote_addr', ranges));
  const routes = fc.tuple(matches, targets).map(([parts, target]) => Object.assign({}, ...parts, target));
  const streamRoutes = fc.tuple(oneOrMany('remote_addr', ranges), targets).map((parts) => Object.assign({}, ...parts));
  return fc
    .record({
      routes: fc.array(routes, { maxLength: 4 }),
      streams: fc.array(streamRoutes, { maxLength: 3 }),
      upstreams,
      service: upstreams,
    })
    .map((parts) => ({
      registry: {},
      routes: numbered('r', parts.routes),
      stream_routes: numbered('', parts.streams),
      services: [{ id: 's0', hosts: ['S.example'], upstream: parts.service }],
      upstreams: [{ id: 'u0', ...parts.upstreams }],
    }));
}

function numbered(prefix: string, items: readonly object[]): object[] {
  return items.map((item, index) => ({ id: prefix === '' ? index : `${prefix}${index}`, ...item }));
}

/** A field in its short form, its long form or, unless it is needed, not at all. */
function oneOrMany(name: string, values: fc.Arbitrary<string>, needed = false): fc.Arbitrary<object> {
  const forms: fc.Arbitrary<object>[] = [
    values.map((value) => ({ [name]: value })),
    fc.uniqueArray(values, { minLength: 1, maxLength: 3 }).map((list) => ({ [`${name}s`]: list })),
  ];
  return fc.oneof(...forms, ...(needed ? [] : [fc.constant({})]));
}
