import { type Path, quote } from '../problem.ts';
import type { DocumentInput } from '../types.ts';
import type { RuleContext } from './context.ts';
import { checkHost, checkRange, oneOrMany } from './matches.ts';

type InlineUpstream = NonNullable<NonNullable<DocumentInput['routes']>[number]['upstream']>;

/** Settings for streams stand where streams are, and those that belong together come together. */
export function checkStreamSettings(context: RuleContext): void {
  const trusted = context.setting('trusted_addresses') ?? [];
  for (const key of ['listen', 'stream_listen'] as const) {
    context.setting(key)?.forEach((entry, index) => {
      if (typeof entry !== 'string') checkEntrance(context, entry, [key, index], trusted.length > 0);
    });
  }
  context.setting('stream_listen')?.forEach(({ tls }, index) => {
    const path = ['stream_listen', index, 'tls'];
    if (typeof tls === 'object') checkPair(context, tls, 'cert', 'key', path);
    const hasOwn = typeof tls === 'object' && tls.cert !== undefined;
    if (tls && !hasOwn && !context.written('ssls')) {
      context.warn(path, 'there is no certificate to show', 'add cert and key, or ssls');
    }
  });
  for (const { item, path, whole } of context.items('ssls')) {
    oneOrMany(context, item, path, 'sni', 'snis', checkHost);
    if (whole && item.sni === undefined && item.snis === undefined) {
      context.error(path, 'is for no server name', 'add sni or snis');
    }
  }
  for (const { item, path } of context.items('stream_routes')) oneOrMany(context, item, path, 'sni', 'snis', checkHost);
  checkUpstreams(context);
}

interface Entrance {
  readonly proxy_protocol?: boolean;
  readonly trusted_addresses?: readonly string[];
}

function checkEntrance(context: RuleContext, entry: Entrance, path: Path, trustsInGeneral: boolean): void {
  const own = entry.trusted_addresses;
  own?.forEach((range, index) => {
    checkRange(context, range, [...path, 'trusted_addresses', index]);
  });
  if (own !== undefined && !entry.proxy_protocol) {
    context.error([...path, 'trusted_addresses'], 'has no effect without proxy_protocol', 'add proxy_protocol: true');
  }
  if (entry.proxy_protocol && own === undefined && !trustsInGeneral) {
    const message = 'nobody could connect: no proxy is trusted';
    context.error([...path, 'proxy_protocol'], message, 'add trusted_addresses here or in general');
  }
}

/** Two fields that mean something only together. */
function checkPair(context: RuleContext, item: object, one: string, other: string, path: Path): void {
  for (const [key, missing] of [
    [one, other],
    [other, one],
  ] as const) {
    if (Object.hasOwn(item, key) && !Object.hasOwn(item, missing)) {
      context.error([...path, key], `needs ${missing}`, `add ${missing}`);
    }
  }
}

function checkUpstreams(context: RuleContext): void {
  for (const { item, path } of context.items('upstreams')) checkTls(context, item, path);
  for (const kind of ['services', 'routes', 'stream_routes'] as const) {
    for (const { item, path } of context.items(kind)) {
      if (item.upstream) checkTls(context, item.upstream, [...path, 'upstream']);
    }
  }
  const upstreams = new Map(context.items('upstreams').map(({ item, path }) => [String(item.id), { item, path }]));
  const services = new Map(context.items('services').map(({ item, path }) => [String(item.id), { item, path }]));
  for (const { item, path } of context.items('routes')) {
    const service = services.get(String(item.service_id));
    const inline = item.upstream ? { item: item.upstream, path: [...path, 'upstream'] } : null;
    const own = inline ?? upstreams.get(String(item.upstream_id));
    const inherited = service?.item.upstream
      ? { item: service.item.upstream, path: [...service.path, 'upstream'] }
      : upstreams.get(String(service?.item.upstream_id));
    const used = own ?? inherited;
    if (used) checkForHttp(context, used.item, used.path, String(item.id));
  }
}

function checkTls(context: RuleContext, upstream: InlineUpstream, path: Path): void {
  const { tls, scheme } = upstream;
  if (tls === undefined) return;
  if (scheme !== 'tls') context.error([...path, 'tls'], 'has no effect without scheme: tls', 'add scheme: tls');
  checkPair(context, tls, 'client_cert', 'client_key', [...path, 'tls']);
}

/** What holds for a whole connection to a node does not fit requests, which share connections. */
function checkForHttp(context: RuleContext, upstream: InlineUpstream, path: Path, route: string): void {
  const { scheme, proxy_protocol, max_connections_per_node } = upstream;
  const hint = `the route ${quote(route)} sends HTTP requests to it`;
  const refuse = (key: string, message: string) => {
    const known = context.errors.some((error) => error.path.join(' ') === [...path, key].join(' '));
    if (!known) context.error([...path, key], message, hint);
  };
  if (scheme === 'tcp' || scheme === 'tls') refuse('scheme', `${quote(scheme)} is for stream routes only`);
  if (proxy_protocol !== undefined) {
    refuse('proxy_protocol', 'is for stream routes only: HTTP requests of many clients share a connection');
  }
  if (max_connections_per_node !== undefined) refuse('max_connections_per_node', 'is for stream routes only');
}
