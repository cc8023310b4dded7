import { readHost, readInteger, readMethod, readUri } from './claim-parts.ts';
import type { DefaultRoute, HttpClaim, RouteClaim } from './claims.ts';

type Warn = (message: string) => void;

const WEIGHT_MAX = 1_000_000;
const PRIORITY_MAX = 1_000_000;

type Kind = 'host' | 'path' | 'methods' | 'priority' | 'strip' | 'weight' | 'tcp' | 'sni' | 'enable';

const REMEDIES: Readonly<Record<Kind, string>> = {
  host: 'write a host name, exact or with a leading "*.", without a port: headgate.host=api.example.com',
  path: 'write a path that begins with "/", exact or with a final "*": headgate.path=/orders/*',
  methods: 'write HTTP methods with commas between them: headgate.methods=GET,POST',
  priority: `write a whole number up to ${PRIORITY_MAX}: headgate.priority=10`,
  strip: 'write true or false: headgate.strip=true',
  weight: `write a whole number from 0 to ${WEIGHT_MAX}: headgate.weight=3`,
  tcp: 'write a port: headgate.tcp=5432',
  sni: 'write a host name, exact or with a leading "*.": headgate.sni=db.example.com',
  enable: 'write true or false: headgate.enable=false',
};

function isKind(text: string): text is Kind {
  return Object.hasOwn(REMEDIES, text);
}

/** `headgate.host` as `host`. Consul's metadata keys cannot hold a dot, so `headgate-host` and `headgate_host` count too. */
export function optionOfMetadata(key: string): string | null {
  return /^headgate[._-](.+)$/i.exec(key)?.[1] ?? null;
}

/** Gathers the `headgate.*` options of one instance. A value that is not valid is reported and left out. */
export class OptionCollector {
  readonly hosts = new Set<string>();
  readonly uris = new Set<string>();
  readonly methods = new Set<string>();
  readonly ports = new Set<number>();
  readonly serverNames = new Set<string>();
  priority: number | null = null;
  weight: number | null = null;
  strip: boolean | null = null;
  enable: boolean | null = null;
  /** Kinds of which a value was not valid: without the limit that it was to set, a route would match too much. */
  readonly broken = new Set<Kind>();
  readonly #texts: string[] = [];

  /** Every option as it was written. */
  get text(): string {
    return this.#texts.join(' ');
  }

  /** Takes one option, `key=value`. */
  add(option: string, warn: Warn): void {
    const equals = option.indexOf('=');
    const key = (equals < 0 ? option : option.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : option.slice(equals + 1).trim();
    if (!isKind(key)) {
      const known = Object.keys(REMEDIES).map((name) => `headgate.${name}`);
      return warn(`"headgate.${key}" is not known; known are ${known.join(', ')}`);
    }
    this.#texts.push(`headgate.${key}=${value}`);
    const complaint = this.#take(key, value);
    if (complaint === null) return;
    this.broken.add(key);
    warn(`${complaint}; ${REMEDIES[key]}`);
  }

  /** Null when the value was taken. */
  #take(key: Kind, value: string): string | null {
    switch (key) {
      case 'host':
        return eachOf(value, readHost, this.hosts, 'a host');
      case 'path':
        return eachOf(value, (text) => (text === '/' ? '/*' : readUri(text)), this.uris, 'a path');
      case 'methods':
        return eachOf(value, readMethod, this.methods, 'a method');
      case 'tcp':
        return eachOf(value, (text) => readInteger(text, 1, 65_535), this.ports, 'a port');
      case 'sni':
        return eachOf(value, readHost, this.serverNames, 'a host');
      case 'priority':
        return this.#once('priority', value, readInteger(value, -PRIORITY_MAX, PRIORITY_MAX));
      case 'weight':
        return this.#once('weight', value, readInteger(value, 0, WEIGHT_MAX));
      case 'strip':
      case 'enable':
        return this.#once(key, value, readFlag(value));
    }
  }

  #once<K extends 'priority' | 'weight' | 'strip' | 'enable'>(
    key: K,
    text: string,
    value: this[K] | null,
  ): string | null {
    if (value === null) return `"${text}" is not a value of headgate.${key}`;
    if (this[key] !== null && this[key] !== value) return `headgate.${key} is stated twice; the first value counts`;
    this[key] = value;
    return null;
  }
}

function readFlag(text: string): boolean | null {
  if (text === 'true') return true;
  return text === 'false' ? false : null;
}

function eachOf<T>(value: string, read: (text: string) => T | null, into: Set<T>, what: string): string | null {
  const wrong: string[] = [];
  for (const part of value.split(',')) {
    const text = part.trim();
    const found = read(text);
    if (found === null) wrong.push(`"${text}"`);
    else into.add(found);
  }
  return wrong.length > 0 ? `${wrong.join(', ')} is not ${what}` : null;
}

/** The claims that the options make. Where every host, path or method that was named is wrong, there is none. */
export function claimsOf(options: OptionCollector, fallback: DefaultRoute | null, warn: Warn): RouteClaim[] {
  if (options.enable === false || options.broken.has('enable')) return [];
  const claims: RouteClaim[] = tcpClaims(options);
  const namesHost = options.hosts.size > 0 || options.broken.has('host');
  const namesPath = options.uris.size > 0 || options.broken.has('path');
  if (!namesHost && !namesPath && !fallback) {
    const asked = options.enable || options.strip !== null || options.priority !== null || options.methods.size > 0;
    if (asked) warn('no host and no path is named, so there is no route; add headgate.host=… or headgate.path=…');
    return claims;
  }
  const empty = (kind: Kind, found: ReadonlySet<unknown>) => options.broken.has(kind) && found.size === 0;
  if (empty('host', options.hosts) || empty('path', options.uris) || empty('methods', options.methods)) return claims;
  const useFallback = fallback !== null && !namesHost && !namesPath;
  const hosts = useFallback ? [fallback.host] : options.hosts.size > 0 ? [...options.hosts] : [null];
  const uris = useFallback ? [fallback.uri] : options.uris.size > 0 ? [...options.uris] : ['/*'];
  for (const host of hosts) for (const uri of uris) claims.push(httpClaim(options, host, uri));
  return claims;
}

/** Ports and server names hold together. Where every one of either that was stated is wrong, there is no claim. */
function tcpClaims({ ports, serverNames, broken }: OptionCollector): RouteClaim[] {
  const lost = (kind: Kind, found: ReadonlySet<unknown>) => broken.has(kind) && found.size === 0;
  if (ports.size + serverNames.size === 0 || lost('tcp', ports) || lost('sni', serverNames)) return [];
  const names = serverNames.size > 0 ? [...serverNames] : [null];
  return names.flatMap((sni) =>
    (ports.size > 0 ? [...ports] : [null]).map((port) => ({ kind: 'tcp', port, sni }) as const),
  );
}

function httpClaim(options: OptionCollector, host: string | null, uri: string): HttpClaim {
  return {
    kind: 'http',
    host,
    uri,
    methods: [...options.methods].sort(),
    priority: options.priority ?? 0,
    stripPrefix: options.strip ? prefixOf(uri) : null,
  };
}

/** `/orders/*` and `/orders*` strip `/orders`; `/*` strips nothing. */
function prefixOf(uri: string): string | null {
  const prefix = uri.replace(/\/?\*$/, '').replace(/\/$/, '');
  return prefix === '' ? null : prefix;
}
