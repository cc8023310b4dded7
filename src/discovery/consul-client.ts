import { Pool } from 'undici';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';
import { readJson } from './json-body.ts';

/** An answer of a Consul server before it is read. */
export interface ConsulBody {
  /** Null also where there is no key below a prefix, which Consul answers with 404 and an index. */
  readonly body: unknown;
  /** Consul left something out because the token may not see it. */
  readonly filtered: boolean;
  /** The question had no token, and Consul shows nothing to whom it does not know unless told otherwise. */
  readonly anonymous: boolean;
}

export interface ConsulAnswer<T> {
  readonly value: T;
  /** X-Consul-Index; 0 when it was not a positive number. */
  readonly index: number;
  /** Which server answered: an index means nothing to another one. */
  readonly server: number;
}

interface Server {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** For questions that wait: one connection each. */
  readonly waiting: Pool;
  /** For questions that do not, so that they never queue behind the others. */
  readonly direct: Pool;
}

/** Speaks HTTP with the servers: connections, failing over, and errors that say what to do. */
export class ConsulClient implements Closable {
  readonly #servers: readonly Server[];
  #preferred = 0;

  constructor(urls: readonly URL[], token: string | null, concurrency: number, connectTimeout: number) {
    // The deadline of a question is the caller's; HTTP/2 would put all waiting questions on one connection.
    const shared = { headersTimeout: 0, bodyTimeout: 0, allowH2: false, connect: { timeout: connectTimeout } };
    this.#servers = urls.map((url) => ({
      url,
      headers: headersFor(url, token),
      waiting: new Pool(url.origin, { ...shared, connections: null }),
      direct: new Pool(url.origin, { ...shared, connections: concurrency }),
    }));
  }

  /** How many there are to ask. */
  get servers(): number {
    return this.#servers.length;
  }

  /** The server that the next question goes to. */
  get preferred(): number {
    return this.#preferred;
  }

  /** Asks the preferred server once; when that fails in any way the next one is preferred. `path` carries a query. */
  async ask<T>(
    path: string,
    waits: boolean,
    read: (answer: ConsulBody) => T,
    signal: AbortSignal,
  ): Promise<ConsulAnswer<T>> {
    const at = this.#preferred;
    const server = this.#servers[at]!;
    try {
      const { index, ...answer } = await this.#request(server, path, waits, signal);
      return { value: read(answer), index, server: at };
    } catch (error) {
      this.#leave(at);
      const code = error instanceof HeadgateError ? error.code : 'DISCOVERY_UNREACHABLE';
      const text = error instanceof HeadgateError ? error.message : reasonOf(error);
      throw failure(code, `Consul at ${server.url.origin} ${text}`, error);
    }
  }

  async close(): Promise<void> {
    const pools = this.#servers.flatMap((server) => [server.waiting, server.direct]);
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #leave(server: number): void {
    if (this.#preferred === server) this.#preferred = (server + 1) % this.#servers.length;
  }

  async #request(
    server: Server,
    path: string,
    waits: boolean,
    signal: AbortSignal,
  ): Promise<ConsulBody & { readonly index: number }> {
    const prefix = server.url.pathname.replace(/\/+$/, '');
    const pool = waits ? server.waiting : server.direct;
    const response = await pool
      .request({ method: 'GET', path: prefix + path, headers: server.headers, signal })
      .catch((error: unknown) => {
        throw failure('DISCOVERY_UNREACHABLE', `can't be asked: ${reasonOf(error)}`);
      });
    // A body that is given up half-read ends with an error of its own, which nobody waits for.
    response.body.on('error', () => {});
    const index = response.headers['x-consul-index'];
    const absent = response.statusCode === 404 && typeof index === 'string';
    if (response.statusCode !== 200 && !absent) {
      throw statusFailure(response.statusCode, await excerpt(response.body));
    }
    if (typeof index !== 'string') {
      response.body.destroy();
      throw failure('DISCOVERY_ANSWER', 'answered without X-Consul-Index: is it the HTTP address of a Consul agent?');
    }
    const filtered = response.headers['x-consul-results-filtered-by-acls'] === 'true';
    if (absent) await response.body.dump();
    const denies = response.headers['x-consul-default-acl-policy'] === 'deny';
    return {
      body: absent ? null : await readJson(response.body),
      index: /^\d{1,15}$/.test(index) ? Number(index) : 0,
      filtered,
      anonymous: denies && server.headers['x-consul-token'] === undefined,
    };
  }
}

function headersFor(url: URL, token: string | null): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token !== null) headers['x-consul-token'] = token;
  if (url.username !== '') {
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(user).toString('base64')}`;
  }
  return headers;
}

const ADVICE = new Map([
  [400, 'it does not understand the question'],
  [401, 'it wants an ACL token: set discovery.consul.token'],
  [403, 'the ACL token is unknown or not allowed: give discovery.consul.token one with service:read and node:read'],
  [404, 'it does not know the path: is it the HTTP address of a Consul agent?'],
  [429, "too many connections or questions: raise Consul's limits.http_max_conns_per_client or lower max_watches"],
  [500, 'it failed: look at its log'],
  [503, 'it is not ready'],
]);

function statusFailure(status: number, text: string): HeadgateError {
  const advice = ADVICE.get(status) ?? (status >= 500 ? 'it failed' : 'this is not an answer of Consul');
  const said = text === '' ? '' : ` (it says: ${text})`;
  return failure('DISCOVERY_REFUSED', `answered ${status}: ${advice}${said}`);
}

function failure(code: string, message: string, cause?: unknown): HeadgateError {
  return new HeadgateError(message, { code, source: 'upstream', cause });
}

/** The beginning of an error's text, on one line. */
async function excerpt(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length >= 200) break;
  }
  return text
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
