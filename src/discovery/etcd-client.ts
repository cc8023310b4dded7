import { Pool } from 'undici';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Closable } from '../core/scope.ts';
import { answerError, asObject, readJson } from './json-body.ts';
import { LineStream } from './line-stream.ts';
import { connectorFor, type TlsIdentity } from './tls-connector.ts';

/** Durations in milliseconds. */
export interface EtcdOptions {
  /** Addresses of members, such as `http://127.0.0.1:2379`; tried in order. */
  readonly servers: readonly string[];
  readonly user: { readonly name: string; readonly password: string } | null;
  readonly tls: TlsIdentity;
  /** Begins every key that counts, such as `/headgate/`. */
  readonly prefix: string;
  readonly defaultWeight: number;
  readonly connectTimeout: number;
  readonly timeout: number;
  /** A watch that has been silent for so long is asked for anew. */
  readonly watchTimeout: number;
}

interface Member {
  readonly url: URL;
  readonly pool: Pool;
}

/** Speaks with the members of a cluster through etcd's JSON gateway: connections, failing over, logging in. */
export class EtcdClient implements Closable {
  readonly #members: readonly Member[];
  readonly #user: EtcdOptions['user'];
  #preferred = 0;
  #token: string | null = null;

  /** Throws CONFIG_INVALID when an address is not usable. */
  constructor({ servers, user, tls, connectTimeout }: EtcdOptions) {
    this.#user = user;
    this.#members = etcdServers(servers).map((url) => ({
      url,
      // The deadline of a question is the caller's.
      pool: new Pool(url.origin, {
        headersTimeout: 0,
        bodyTimeout: 0,
        allowH2: false,
        connect: connectorFor(tls, connectTimeout),
      }),
    }));
  }

  /** How many members there are to ask. */
  get members(): number {
    return this.#members.length;
  }

  /** Asks the preferred member. */
  async ask(path: string, question: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return asObject(await readJson(await this.#post(path, question, signal)), 'an answer');
  }

  /** The messages of a watch, one on each line. */
  async watch(request: JsonObject, signal: AbortSignal): Promise<LineStream> {
    return new LineStream(await this.#post('/v3/watch', { create_request: request }, signal));
  }

  /** The error with the name of the preferred member in front; from now on the next one is preferred. */
  blame(error: unknown): HeadgateError {
    const { origin } = this.#members[this.#preferred]!.url;
    this.#token = null;
    this.#preferred = (this.#preferred + 1) % this.#members.length;
    const known = error instanceof HeadgateError;
    const text = known ? error.message : `can't be asked: ${reasonOf(error)}`;
    const code = known ? error.code : 'DISCOVERY_UNREACHABLE';
    return failure(code, `etcd at ${origin} ${text}`, error);
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ pool }) => pool.destroy()));
  }

  async #post(path: string, question: JsonObject, signal: AbortSignal) {
    const member = this.#members[this.#preferred]!;
    if (this.#user && this.#token === null) this.#token = await this.#logIn(member, this.#user, signal);
    return this.#send(member, path, question, this.#token, signal);
  }

  async #logIn(member: Member, { name, password }: NonNullable<EtcdOptions['user']>, signal: AbortSignal) {
    const body = await this.#send(member, '/v3/auth/authenticate', { name, password }, null, signal);
    const { token } = asObject(await readJson(body), 'an answer');
    if (typeof token !== 'string') throw answerError('answered without a token');
    return token;
  }

  async #send(member: Member, path: string, question: JsonObject, token: string | null, signal: AbortSignal) {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      // A member that has lost the others ends its watches in place of going silent.
      'grpc-metadata-hasleader': 'true',
    };
    if (token !== null) headers.authorization = token;
    const prefix = member.url.pathname.replace(/\/+$/, '');
    const body = JSON.stringify(question);
    const response = await member.pool.request({ method: 'POST', path: prefix + path, headers, body, signal });
    // A body that is given up half-read ends with an error of its own, which nobody waits for.
    response.body.on('error', () => {});
    if (response.statusCode === 200) return response.body;
    throw refusal(response.statusCode, await messageOf(response.body));
  }
}

/** The addresses as URLs. Throws CONFIG_INVALID for what is not an http or https URL. */
function etcdServers(servers: readonly string[]): readonly URL[] {
  if (servers.length === 0) throw invalid('discovery.etcd.servers is empty: give at least one address');
  return servers.map((text, position) => {
    const url = URL.parse(text);
    if (url && /^https?:$/.test(url.protocol)) return url;
    // The text itself is not repeated: it may hold a password.
    throw invalid(`discovery.etcd.servers[${position}] is not a URL such as http://127.0.0.1:2379`);
  });
}

function refusal(status: number, message: string): HeadgateError {
  const said = message === '' ? '' : ` (it says: ${message})`;
  return failure('DISCOVERY_REFUSED', `answered ${status}: ${adviceFor(status, message)}${said}`);
}

function adviceFor(status: number, message: string): string {
  if (/permission denied/.test(message)) return 'the user may not read the prefix: grant a role with read on it';
  if (/user name is empty|authentication failed|invalid auth token/.test(message)) {
    return 'it wants another user: set discovery.etcd.user and password';
  }
  if (status === 404) return 'it does not know the path: is it etcd 3.4 or newer, with its gRPC gateway on?';
  return status >= 500 ? 'it failed' : 'this is not an answer that it gives';
}

async function messageOf(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length >= 4000) break;
  }
  let message = text;
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === 'object' && answer !== null && 'message' in answer) message = String(answer.message);
  } catch {
    // Not an answer of the gateway.
  }
  return message
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 300);
}

function invalid(message: string): HeadgateError {
  return new HeadgateError(message, { code: 'CONFIG_INVALID', source: 'self' });
}

function failure(code: string, message: string, cause?: unknown): HeadgateError {
  return new HeadgateError(message, { code, source: 'upstream', cause });
}
