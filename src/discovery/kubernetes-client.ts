import { Pool } from 'undici';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';
import { readJson } from './json-body.ts';
import { LineStream } from './line-stream.ts';
import { connectorFor, readSecret, type Secret, type TlsIdentity } from './tls-connector.ts';

/** How to reach an API server and who to be there. */
export interface KubernetesAccess extends TlsIdentity {
  readonly server: URL;
  readonly token: Secret | null;
}

/** One kind of object in one namespace or in all. */
export interface KubernetesResource {
  /** Of the API, such as `/apis/discovery.k8s.io/v1`. */
  readonly base: string;
  /** For rules, such as `discovery.k8s.io`; empty for the core group. */
  readonly group: string;
  readonly plural: string;
  /** Null for all. */
  readonly namespace: string | null;
  readonly labelSelector: string | null;
  readonly fieldSelector: string | null;
}

type Verb = 'list' | 'watch';

/** Error that says that the place to watch from is gone from the server's memory. */
export const EXPIRED = 'DISCOVERY_EXPIRED';

/** Speaks HTTP with the API server: connections, credentials, and errors that say what to do. */
export class KubernetesClient implements Closable {
  readonly #access: KubernetesAccess;
  readonly #pool: Pool;

  constructor(access: KubernetesAccess, connectTimeout: number) {
    this.#access = access;
    // The deadline of a question is the caller's; HTTP/2 would put all watches on one connection, which fails as one.
    this.#pool = new Pool(access.server.origin, {
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      connections: null,
      connect: connectorFor(access, connectTimeout),
    });
  }

  /** One page of a list. */
  async list(resource: KubernetesResource, parameters: URLSearchParams, signal: AbortSignal): Promise<unknown> {
    return readJson(await this.#get(resource, 'list', parameters, signal));
  }

  /** The events of a watch, one on each line. Rejects with EXPIRED when the server can't go on from where it is asked to. */
  async watch(resource: KubernetesResource, parameters: URLSearchParams, signal: AbortSignal): Promise<LineStream> {
    return new LineStream(await this.#get(resource, 'watch', parameters, signal));
  }

  /** The error with the name of the server in front. */
  blame(error: unknown): HeadgateError {
    const known = error instanceof HeadgateError;
    const text = known ? error.message : `can't be asked: ${reasonOf(error)}`;
    const code = known ? error.code : 'DISCOVERY_UNREACHABLE';
    return failure(code, `the Kubernetes API server at ${this.#access.server.origin} ${text}`, error);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  async #get(resource: KubernetesResource, verb: Verb, parameters: URLSearchParams, signal: AbortSignal) {
    if (resource.labelSelector !== null) parameters.set('labelSelector', resource.labelSelector);
    if (resource.fieldSelector !== null) parameters.set('fieldSelector', resource.fieldSelector);
    const prefix = this.#access.server.pathname.replace(/\/+$/, '');
    const path = `${prefix}${pathOf(resource)}?${parameters}`;
    const headers = this.#headers();
    const response = await this.#pool.request({ method: 'GET', path, headers, signal });
    // A body that is given up half-read ends with an error of its own, which nobody waits for.
    response.body.on('error', () => {});
    if (response.statusCode === 200) return response.body;
    throw statusFailure(resource, verb, response.statusCode, await messageOf(response.body));
  }

  /** The token is read each time: a pod's is replaced every hour or so. */
  #headers(): Record<string, string> {
    const headers: Record<string, string> = { accept: 'application/json' };
    const { token } = this.#access;
    if (token !== null) headers.authorization = `Bearer ${readSecret(token, 'the token').trim()}`;
    return headers;
  }
}

function pathOf({ base, namespace, plural }: KubernetesResource): string {
  return namespace === null ? `${base}/${plural}` : `${base}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/** What a status means, whether it came as one or in a stream. */
export function statusFailure(
  resource: KubernetesResource,
  verb: Verb,
  status: number,
  message: string,
): HeadgateError {
  const said = message === '' ? '' : ` (it says: ${message})`;
  const code = status === 410 ? EXPIRED : 'DISCOVERY_REFUSED';
  return failure(code, `answered ${status}: ${adviceFor(resource, verb, status)}${said}`);
}

function adviceFor({ plural, group, namespace }: KubernetesResource, verb: Verb, status: number): string {
  const where = namespace === null ? 'a ClusterRole' : `a Role in the namespace "${namespace}"`;
  switch (status) {
    case 401:
      return 'it does not take the token: set discovery.kubernetes.client.token_file to a token that is valid';
    case 403:
      return `RBAC does not allow to ${verb} ${plural}: give ${where} with apiGroups ["${group}"], resources ["${plural}"], verbs ["list", "watch"]`;
    case 404:
      return `it does not know ${plural}: is it a Kubernetes API server, version 1.21 or newer?`;
    case 410:
      return 'what is asked for is too old';
    case 429:
      return 'it has too much to do';
    default:
      return status >= 500 ? 'it failed' : 'this is not an answer that it gives';
  }
}

/** The message of a Status object, or the beginning of the text. */
async function messageOf(body: AsyncIterable<Buffer>): Promise<string> {
  const text = await beginning(body);
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === 'object' && status !== null && 'message' in status) return oneLine(String(status.message));
  } catch {
    // Not an object of Kubernetes.
  }
  return oneLine(text);
}

async function beginning(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length >= 4000) break;
  }
  return text;
}

function oneLine(text: string): string {
  return text
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 300);
}

function failure(code: string, message: string, cause?: unknown): HeadgateError {
  return new HeadgateError(message, { code, source: 'upstream', cause });
}
