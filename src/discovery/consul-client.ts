import { Pool } from 'undici';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { excerpt, parseJson, readWhole } from './json-body.ts';
import { readSecret, type Secret } from './tls-connector.ts';

export interface ConsulClientOptions {
  /** In a file, it is read for each question. */
  readonly token: Secret | null;
  /** Connections for questions that do not wait. */
  readonly concurrency: number;
  /** Milliseconds. */
  readonly connectTimeout: number;
}

export interface ConsulQuestion {
  /** From `/v1` on, with a query. */
  readonly path: string;
  /** Parameters that only the Enterprise version knows, such as `&ns=a`; empty for none. Others are asked without them. */
  readonly scope: string;
  /** Whether Consul may keep it waiting. */
  readonly waits: boolean;
}

/** An answer of a Consul server before it is read. */
export interface ConsulBody {
  /** Null where there is nothing under the name, such as no key below a prefix: Consul says 404, with an index. */
  readonly bytes: Buffer | null;
  /** Consul left something out because the token may not see it. */
  readonly filtered: boolean;
  /** The question had no token, and Consul shows nothing to whom it does not know unless told otherwise. */
  readonly anonymous: boolean;
}

/** What the answer says. Throws DISCOVERY_ANSWER when that is not JSON. */
export function jsonOf({ bytes }: ConsulBody): unknown {
  return bytes === null ? null : parseJson(bytes);
}

export interface ConsulAnswer<T> {
  readonly value: T;
  /** X-Consul-Index; 0 when it was not a positive number. */
  readonly index: number;
  /** Which server answered: an index means nothing to another one. */
  readonly server: number;
}

interface Reply extends ConsulBody {
  readonly index: number;
}

/** An answer that is none. */
interface Refused {
  /** The status. */
  readonly refused: number;
  /** The beginning of the text. */
  readonly says: string;
}

interface Server {
  readonly url: URL;
  /** Without the token. */
  readonly headers: Readonly<Record<string, string>>;
  /** It has said that it knows no namespaces and partitions; forgotten when it fails, since it may be replaced. */
  scopeless: boolean;
  /** For questions that wait: one connection each. */
  readonly waiting: Pool;
  /** For questions that do not, so that they never queue behind the others. */
  readonly direct: Pool;
}

/** Speaks HTTP with the servers: connections, failing over, tokens that are renewed, and errors that say what to do. */
export class ConsulClient implements Closable {
  readonly #servers: readonly Server[];
  readonly #token: Secret | null;
  readonly #log: Log;
  #preferred = 0;
  #scopeTold = false;

  constructor(urls: readonly URL[], options: ConsulClientOptions, log: Log) {
    // The deadline of a question is the caller's; HTTP/2 would put all waiting questions on one connection.
    const connect = { timeout: options.connectTimeout };
    const shared = { headersTimeout: 0, bodyTimeout: 0, allowH2: false, connect };
    this.#token = options.token;
    this.#log = log;
    this.#servers = urls.map((url) => ({
      url,
      headers: headersFor(url),
      scopeless: false,
      waiting: new Pool(url.origin, { ...shared, connections: null }),
      direct: new Pool(url.origin, { ...shared, connections: options.concurrency }),
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

  /** Asks the preferred server once; when that fails in any way the next one is preferred. */
  async ask<T>(
    question: ConsulQuestion,
    read: (answer: ConsulBody) => T,
    signal: AbortSignal,
  ): Promise<ConsulAnswer<T>> {
    const token = this.#readToken();
    const at = this.#preferred;
    const server = this.#servers[at]!;
    try {
      const { index, ...answer } = await this.#answer(server, question, token, signal);
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
    this.#servers[server]!.scopeless = false;
    if (this.#preferred === server) this.#preferred = (server + 1) % this.#servers.length;
  }

  /** Throws when the file can't be read now, or is just being written: better no answer than one for nobody. */
  #readToken(): string | null {
    if (this.#token === null || 'text' in this.#token) return this.#token?.text ?? null;
    try {
      const token = readSecret(this.#token, 'the ACL token').trim();
      if (token !== '') return token;
    } catch (error) {
      const text = error instanceof HeadgateError ? error.message : reasonOf(error);
      throw failure('DISCOVERY_UNREACHABLE', `Consul ${text}`, error);
    }
    throw failure('DISCOVERY_UNREACHABLE', `Consul can't be asked: the ACL token file ${this.#token.file} is empty`);
  }

  /** A refusal is not final while there is another way to ask: with a token renewed meanwhile, or without a namespace. */
  async #answer(server: Server, question: ConsulQuestion, token: string | null, signal: AbortSignal): Promise<Reply> {
    const first = await this.#request(server, question, token, signal);
    if (!('refused' in first)) return first;
    const second = await this.#askOtherwise(first, server, question, token, signal);
    if (!('refused' in second)) return second;
    throw refusal(second);
  }

  #askOtherwise(
    refused: Refused,
    server: Server,
    question: ConsulQuestion,
    token: string | null,
    signal: AbortSignal,
  ): Promise<Reply | Refused> {
    if (refused.refused === 403) {
      const renewed = this.#readToken();
      if (renewed !== token) return this.#request(server, question, renewed, signal);
    }
    if (question.scope !== '' && lacksScopes(refused)) {
      this.#tellScope(server);
      server.scopeless = true;
      return this.#request(server, question, token, signal);
    }
    return Promise.resolve(refused);
  }

  #tellScope(server: Server): void {
    if (this.#scopeTold) return;
    this.#scopeTold = true;
    const at = server.url.origin;
    const text = `Consul at ${at} is the open-source version, which has no namespaces and partitions: those that are set are ignored`;
    this.#log.warn('discovery.scope-ignored', text, { server: at });
  }

  async #request(
    server: Server,
    { path, scope, waits }: ConsulQuestion,
    token: string | null,
    signal: AbortSignal,
  ): Promise<Reply | Refused> {
    const prefix = server.url.pathname.replace(/\/+$/, '');
    const pool = waits ? server.waiting : server.direct;
    const whole = prefix + path + (server.scopeless ? '' : scope);
    const headers = token === null ? server.headers : { ...server.headers, 'x-consul-token': token };
    const response = await pool.request({ method: 'GET', path: whole, headers, signal }).catch((error: unknown) => {
      throw failure('DISCOVERY_UNREACHABLE', `can't be asked: ${reasonOf(error)}`);
    });
    // A body that is given up half-read ends with an error of its own, which nobody waits for.
    response.body.on('error', () => {});
    const index = response.headers['x-consul-index'];
    const absent = response.statusCode === 404 && typeof index === 'string';
    if (response.statusCode !== 200 && !absent) {
      return { refused: response.statusCode, says: await excerpt(response.body) };
    }
    if (typeof index !== 'string') {
      response.body.destroy();
      throw failure('DISCOVERY_ANSWER', 'answered without X-Consul-Index: is it the HTTP address of a Consul agent?');
    }
    const filtered = response.headers['x-consul-results-filtered-by-acls'] === 'true';
    const denies = response.headers['x-consul-default-acl-policy'] === 'deny';
    if (absent) await response.body.dump();
    return {
      bytes: absent ? null : await readWhole(response.body),
      index: /^\d{1,15}$/.test(index) ? Number(index) : 0,
      filtered,
      anonymous: denies && token === null,
    };
  }
}

function headersFor(url: URL): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (url.username !== '') {
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(user).toString('base64')}`;
  }
  return headers;
}

const ADVICE = new Map([
  [400, 'it does not understand the question'],
  [401, 'it wants an ACL token: set discovery.consul.token or token_file'],
  [403, 'the ACL token is unknown or not allowed: give discovery.consul.token one with service:read and node:read'],
  [404, 'it does not know the path: is it the HTTP address of a Consul agent?'],
  [429, "too many connections or questions: raise Consul's limits.http_max_conns_per_client or lower max_watches"],
  [500, 'it failed: look at its log'],
  [503, 'it is not ready'],
]);

/** What the open-source version says to `ns` and `partition`, wherever it checks them. */
function lacksScopes({ refused, says }: Refused): boolean {
  return refused === 400 && says.includes('Consul Enterprise feature');
}

function refusal({ refused, says }: Refused): HeadgateError {
  const said = says === '' ? '' : ` (it says: ${says})`;
  return failure('DISCOVERY_REFUSED', `answered ${refused}: ${adviceFor(refused, says)}${said}`);
}

function adviceFor(status: number, text: string): string {
  if (text.includes('boolean expression')) return 'it does not understand discovery_args.filter';
  return ADVICE.get(status) ?? (status >= 500 ? 'it failed' : 'this is not an answer of Consul');
}

function failure(code: string, message: string, cause?: unknown): HeadgateError {
  return new HeadgateError(message, { code, source: 'upstream', cause });
}
