import { parseAddress } from '../../core/address.ts';
import { type Path, quote } from '../problem.ts';
import type { DocumentInput } from '../types.ts';
import type { RuleContext } from './context.ts';
import { checkHost, checkRange, oneOrMany } from './matches.ts';

type InlineUpstream = NonNullable<NonNullable<DocumentInput['routes']>[number]['upstream']>;

/** Settings for streams stand where streams are, and those that belong together come together. */
export function checkStreamSettings(context: RuleContext): void {
  checkListeners(context);
  for (const { item, path, whole } of context.items('ssls')) {
    oneOrMany(context, item, path, 'sni', 'snis', checkHost);
    if (whole && item.sni === undefined && item.snis === undefined) {
      context.error(path, 'is for no server name', 'add sni or snis');
    }
  }
  for (const { item, path } of context.items('stream_routes')) {
    oneOrMany(context, item, path, 'sni', 'snis', checkHost);
    if (item.protocol !== 'udp') continue;
    for (const key of ['sni', 'snis'] as const) {
      if (item[key] !== undefined) context.error([...path, key], 'does not exist in UDP', 'leave it out');
    }
  }
  checkUpstreams(context);
}

function checkListeners(context: RuleContext): void {
  const trusted = context.setting('trusted_addresses') ?? [];
  context.setting('listen')?.forEach((entry, index) => {
    if (typeof entry !== 'string') checkEntrance(context, entry, ['listen', index], trusted.length > 0);
  });
  context.setting('stream_listen')?.forEach((entry, index) => {
    const path = ['stream_listen', index];
    if (entry.protocol === 'udp') {
      checkDatagrams(context, entry, path);
    } else {
      checkEntrance(context, entry, path, trusted.length > 0);
      checkListenTls(context, entry.tls, [...path, 'tls']);
    }
  });
}

function checkListenTls(context: RuleContext, tls: boolean | object | undefined, path: Path): void {
  if (typeof tls === 'object') checkPair(context, tls, 'cert', 'key', path);
  const hasOwn = typeof tls === 'object' && Object.hasOwn(tls, 'cert');
  if (tls && !hasOwn && !context.written('ssls')) {
    context.warn(path, 'there is no certificate to show', 'add cert and key, or ssls');
  }
}

/** What there is for connections only. */
const ENTRANCE_KEYS = ['proxy_protocol', 'trusted_addresses', 'max_connections', 'max_connections_per_source', 'tls'];

function checkDatagrams(context: RuleContext, entry: object, path: Path): void {
  for (const key of ENTRANCE_KEYS) {
    if (!Object.hasOwn(entry, key)) continue;
    const hint = key.startsWith('max_') ? `use udp.${key.replace('connections', 'sessions')}` : 'leave it out';
    context.error([...path, key], 'belongs to a TCP listener', hint);
  }
}

interface Target {
  readonly upstream?: InlineUpstream;
  readonly upstream_id?: string | number;
  readonly service_id?: string | number;
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
  const usedBy = (target: Target, path: Path) => {
    const service = services.get(String(target.service_id));
    if (target.upstream) return { item: target.upstream, path: [...path, 'upstream'] };
    const named = upstreams.get(String(target.upstream_id));
    if (named || !service) return named;
    if (service.item.upstream) return { item: service.item.upstream, path: [...service.path, 'upstream'] };
    return upstreams.get(String(service.item.upstream_id));
  };
  for (const { item, path } of context.items('routes')) {
    const used = usedBy(item, path);
    if (used) checkForHttp(context, used.item, used.path, String(item.id));
  }
  for (const { item, path } of context.items('stream_routes')) {
    const used = item.protocol === 'tcp' ? undefined : usedBy(item, path);
    if (!used) continue;
    if (item.protocol === 'udp') checkForDatagrams(context, used.item, used.path, String(item.id));
    else if (mayTakeDatagrams(context, item)) checkForBoth(context, used.item, path);
  }
}

function checkTls(context: RuleContext, upstream: InlineUpstream, path: Path): void {
  const { tls, scheme } = upstream;
  if (tls === undefined) return;
  if (scheme !== 'tls') context.error([...path, 'tls'], 'has no effect without scheme: tls', 'add scheme: tls');
  checkPair(context, tls, 'client_cert', 'client_key', [...path, 'tls']);
}

/** What holds for a whole connection to a node does not fit requests, which share connections. */
function checkForHttp(context: RuleContext, { scheme, proxy_protocol }: InlineUpstream, path: Path, route: string) {
  const hint = `the route ${quote(route)} sends HTTP requests to it`;
  if (scheme === 'tcp' || scheme === 'tls') {
    refuse(context, [...path, 'scheme'], `${quote(scheme)} is for stream routes only`, hint);
  }
  if (proxy_protocol === undefined) return;
  const message = 'is for stream routes only: HTTP requests of many clients share a connection';
  refuse(context, [...path, 'proxy_protocol'], message, hint);
}

/** Nothing goes out in the clear that was meant to be encrypted. */
function checkForDatagrams(
  context: RuleContext,
  { scheme, proxy_protocol }: InlineUpstream,
  path: Path,
  route: string,
) {
  const hint = `the route ${quote(route)} sends datagrams to it`;
  if (scheme === 'tls') refuse(context, [...path, 'scheme'], '"tls" is for TCP only', hint);
  if (proxy_protocol !== undefined) refuse(context, [...path, 'proxy_protocol'], 'is for TCP only', hint);
}

/** Whether a UDP listener is there that a route without a protocol could match. A port of 0 becomes any. */
function mayTakeDatagrams(
  context: RuleContext,
  route: { server_port?: number; sni?: string; snis?: string[] },
): boolean {
  if (route.sni !== undefined || (route.snis?.length ?? 0) > 0) return false;
  return (context.setting('stream_listen') ?? []).some(({ protocol, address }) => {
    const port = parseAddress(address)?.port ?? 0;
    return protocol === 'udp' && (port === 0 || (route.server_port ?? port) === port);
  });
}

/** The same for a route that means TCP, as far as one can see, but would take datagrams too. */
function checkForBoth(context: RuleContext, { scheme, proxy_protocol }: InlineUpstream, path: Path) {
  const what = scheme === 'tls' ? 'in the clear, although its upstream has scheme: tls' : 'without a PROXY header';
  if (scheme !== 'tls' && proxy_protocol === undefined) return;
  refuse(context, path, `would send datagrams of a UDP listener ${what}`, 'add protocol: tcp');
}

/** Once for each place, however many routes lead there. */
function refuse(context: RuleContext, path: Path, message: string, hint: string): void {
  const known = context.errors.some((error) => error.path.join(' ') === path.join(' '));
  if (!known) context.error(path, message, hint);
}
