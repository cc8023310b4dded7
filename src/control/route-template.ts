import { HeadgateError } from '../core/errors.ts';
import { readHost, readUri } from '../discovery/claim-parts.ts';
import type { DefaultRoute } from '../discovery/claims.ts';
import type { Node } from '../discovery/types.ts';

/** Makes a host and a path for an instance that names none. */
export interface RouteTemplate {
  readonly text: string;
  /** The route, or why there is none for this instance. */
  expand(service: string, node: Node): DefaultRoute | string;
}

const PLACEHOLDER = /\{([^{}]*)\}/g;
/** What a registry may put into a template: nothing that ends the host, makes a wildcard or adds a path segment. */
const VALUE = /^[A-Za-z0-9._-]+$/;

/**
 * Reads an `auto_route` template: a host, or host and path, over `{service}`, `{meta.<key>}` (the instance's metadata) and
 * `{tag.<key>}` (the value of a tag `key=value`). Without a path it matches every path. Throws `BAD_TEMPLATE`.
 */
export function parseTemplate(text: string): RouteTemplate {
  const names = [...text.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
  const refuse = (reason: string) => {
    return new HeadgateError(`auto_route "${text}": ${reason}`, { code: 'BAD_TEMPLATE', source: 'self' });
  };
  const unknown = names.find((name) => name !== 'service' && !/^(?:meta|tag)\../.test(name));
  if (unknown !== undefined) {
    throw refuse(`{${unknown}} is not known; use {service}, {meta.<key>} or {tag.<key>}`);
  }
  if (/[{}]/.test(text.replace(PLACEHOLDER, ''))) throw refuse('a brace is not closed or not opened');
  if (names.length === 0) {
    throw refuse('every service would claim the same route; name it with {service}: {service}.example.com');
  }
  if (splitRoute(text.replace(PLACEHOLDER, 'x')) === null) {
    throw refuse('this is not a host or a host and a path; write {service}.example.com or api.example.com/{service}/*');
  }
  return { text, expand: (service, node) => expand(text, service, node) };
}

function expand(text: string, service: string, node: Node): DefaultRoute | string {
  let reason: string | null = null;
  const filled = text.replace(PLACEHOLDER, (whole: string, name: string) => {
    const value = valueFor(name, service, node);
    if (value === null || value === '') reason ??= `there is no value for ${whole}`;
    else if (!VALUE.test(value)) reason ??= `"${value}" for ${whole} has more than letters, digits, ".", "_" and "-"`;
    return value ?? '';
  });
  if (reason !== null) return `auto_route "${text}": ${reason}`;
  return splitRoute(filled) ?? `auto_route "${text}" makes "${filled}", which is not a host or a host and a path`;
}

function valueFor(name: string, service: string, node: Node): string | null {
  if (name === 'service') return service;
  const key = name.slice(name.indexOf('.') + 1);
  if (name.startsWith('meta.')) return Object.hasOwn(node.metadata, key) ? (node.metadata[key] ?? null) : null;
  const tag = node.tags.find((text) => text.startsWith(`${key}=`));
  return tag === undefined ? null : tag.slice(key.length + 1);
}

function splitRoute(text: string): DefaultRoute | null {
  const slash = text.indexOf('/');
  const named = slash < 0 ? text : text.slice(0, slash);
  const host = named === '' ? null : readHost(named);
  if (named !== '' && host === null) return null;
  const uri = slash < 0 || text.slice(slash) === '/' ? '/*' : readUri(text.slice(slash));
  return uri === null ? null : { host, uri };
}
