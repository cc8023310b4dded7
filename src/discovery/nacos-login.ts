import type { Clock } from '../core/clock.ts';
import { HeadgateError } from '../core/errors.ts';
import { isObject } from '../core/json.ts';
import { answerError } from './json-body.ts';
import { unwrap } from './nacos-answer.ts';
import type { RegistryReply, RegistryServer } from './registry-client.ts';

/** Paths of the login: servers of version 1 and 2, and of 3 where those are switched off. */
const LOGIN_PATHS = ['/v1/auth/login', '/v3/auth/user/login'];
/** Share of its life after which a token is replaced. */
const RENEW_AT = 0.8;
const DEFAULT_TTL_S = 18_000;

const ADVICE = new Map([
  [401, 'it does not take discovery.nacos.username and password'],
  [403, 'it does not take discovery.nacos.username and password'],
  [500, 'it does not take discovery.nacos.username and password, or it failed'],
]);

/** How a status of Nacos says that it has no such API: unknown, switched off, not implemented. */
export function isMissing(status: number): boolean {
  return status === 404 || status === 410 || status === 501;
}

/** The access tokens of one user, one for each server, each renewed before it ends. */
export class NacosLogin {
  readonly #body: string;
  readonly #clock: Clock;
  readonly #tokens = new Map<RegistryServer, { readonly token: string; readonly renewAt: number }>();

  constructor(username: string, password: string, clock: Clock) {
    this.#body = new URLSearchParams({ username, password }).toString();
    this.#clock = clock;
  }

  /** Headers that show who asks. */
  async headers(server: RegistryServer, signal: AbortSignal): Promise<Record<string, string>> {
    let known = this.#tokens.get(server);
    if (!known || this.#clock.now() >= known.renewAt) {
      known = await this.#logIn(server, signal);
      this.#tokens.set(server, known);
    }
    return { accesstoken: known.token, authorization: `Bearer ${known.token}` };
  }

  /** The server did not take its token. False when there was none. */
  forget(server: RegistryServer): boolean {
    return this.#tokens.delete(server);
  }

  async #logIn(server: RegistryServer, signal: AbortSignal) {
    for (const path of LOGIN_PATHS) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const reply = await server.send({ method: 'POST', path, headers, body: this.#body }, signal);
      if (reply.status === 200) return this.#read(reply);
      if (!isMissing(reply.status)) {
        const { message, code } = await reply.refusal(ADVICE);
        throw new HeadgateError(`the login failed: ${message}`, { code, source: 'upstream' });
      }
      reply.discard();
    }
    throw answerError('has no login: leave discovery.nacos.username out if it asks for none');
  }

  async #read(reply: RegistryReply) {
    const body = await reply.json();
    const data = isObject(body) && 'accessToken' in body ? body : unwrap(body);
    if (!isObject(data) || typeof data.accessToken !== 'string')
      throw answerError('answered the login without a token');
    const ttl = typeof data.tokenTtl === 'number' && data.tokenTtl > 0 ? data.tokenTtl : DEFAULT_TTL_S;
    return { token: data.accessToken, renewAt: this.#clock.now() + ttl * 1000 * RENEW_AT };
  }
}
