import { HeadgateError } from '../core/errors.ts';
import { isAddressType, type PortChoice } from './endpoint-slices.ts';
import type { KubernetesPlace } from './kubernetes-place.ts';
import { QueryFault, unknownArgument } from './query-fault.ts';
import type { ServiceQuery } from './types.ts';

/** Which namespaces are looked at: all where nothing is stated. */
export interface NamespaceSelector {
  readonly equal: string | null;
  readonly notEqual: string | null;
  /** Regular expressions, of which one must match; empty for no condition. */
  readonly match: readonly string[];
  /** Regular expressions, of which none may match. */
  readonly notMatch: readonly string[];
}

/** Durations in milliseconds. */
export interface KubernetesOptions {
  readonly place: KubernetesPlace;
  readonly namespaces: NamespaceSelector;
  /** A label selector that Services and EndpointSlices must fit; null for none. */
  readonly labelSelector: string | null;
  /** `namespace` has one watch for each namespace with a wanted service, `cluster` one for all of them. */
  readonly scope: 'namespace' | 'cluster';
  /** Whether Services are watched for automatic routes. */
  readonly autoRoutes: boolean;
  readonly defaultWeight: number;
  readonly connectTimeout: number;
  /** For a list, and the slack over `watchTimeout` for a watch. */
  readonly timeout: number;
  /** After this the server ends a watch, and it is asked for anew. */
  readonly watchTimeout: number;
  /** Lists under way at once. */
  readonly concurrency: number;
}

/** A service as a query names it. */
export interface KubernetesService {
  readonly namespace: string;
  /** `namespace/name`. */
  readonly key: string;
  readonly choice: PortChoice;
}

const NAME =
  /^([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\/([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)(?::([a-z0-9](?:[-a-z0-9]*[a-z0-9])?))?$/;

/** Reads `namespace/name:port`, where the port may be a name, a number, or missing. */
export function readServiceName(query: ServiceQuery): KubernetesService | QueryFault {
  const { service, args } = query;
  const match = NAME.exec(service);
  if (!match) {
    return new QueryFault(null, `"${service}" is not of the form "namespace/name:port"`, 'write "default/web:http"');
  }
  const unknown = unknownArgument(query, ['address_type'], 'Kubernetes takes address_type');
  if (unknown) return unknown;
  const [, namespace = '', name = '', port] = match;
  const addressType = args.address_type ?? null;
  if (addressType !== null && !isAddressType(addressType)) {
    return new QueryFault('address_type', `is "${addressType}"`, 'write IPv4, IPv6 or FQDN');
  }
  return { namespace, key: `${namespace}/${name}`, choice: { port: port ?? null, addressType } };
}

/** Tells which namespaces a selector takes. Throws CONFIG_INVALID for an expression that is none. */
export function namespaceFilter(selector: NamespaceSelector): (namespace: string) => boolean {
  const match = selector.match.map((text) => expression(text, 'match'));
  const notMatch = selector.notMatch.map((text) => expression(text, 'not_match'));
  return (namespace) =>
    (selector.equal === null || namespace === selector.equal) &&
    namespace !== selector.notEqual &&
    (match.length === 0 || match.some((each) => each.test(namespace))) &&
    !notMatch.some((each) => each.test(namespace));
}

function expression(text: string, key: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw invalid(`discovery.kubernetes.namespace_selector.${key}: "${text}" is not a regular expression`);
  }
}

function invalid(message: string): HeadgateError {
  return new HeadgateError(message, { code: 'CONFIG_INVALID', source: 'self' });
}
