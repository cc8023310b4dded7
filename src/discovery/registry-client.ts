import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';
import { withDeadline } from './deadline.ts';
import { excerpt, readJson } from './json-body.ts';

/** How long one server may take, in milliseconds, and how many connections it gets. */
export interface ClientLimits {
  readonly connect: number;
  readonly read: number;
  readonly connections: number;
}

export interface RegistryRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Appended to the address of the server. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A reply whose body has yet to be read, by exactly one of its methods. */
export interface RegistryReply {
  readonly status: number;
  /** The server's own time, in milliseconds since the Unix epoch; null when it does not state it. */
  readonly date: number | null;
  /** Throws DISCOVERY_ANSWER when the body is not JSON. */
  json(): Promise<unknown>;
  /** The body as an error: with the advice for its status and what the server says. */
  refusal(advice: ReadonlyMap<number, string>): Promise<HeadgateError>;
  discard(): void;
}

/** One server of a registry. */
export class RegistryServer {
  readonly index: number;
  readonly url: URL;
  readonly #pool: Pool;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(index: number, url: URL, limits: ClientLimits) {
    this.index = index;
    this.url = url;
    this.#headers = { accept: 'application/json', 'accept-encoding': 'gzip', ...basicAuthentication(url) };
    this.#pool = new Pool(url.origin, {
      // The deadline is the caller's.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      connect: { timeout: limits.connect },
      connections: limits.connections,
    });
  }

  /** Rejects with DISCOVERY_UNREACHABLE when there is no reply. */
  async send(request: RegistryRequest, signal: AbortSignal): Promise<RegistryReply> {
    const path = this.url.pathname.replace(/\/+$/, '') + request.path;
    const headers = { ...this.#headers, ...request.headers };
    const { method, body = null } = request;
    const response = await this.#pool.request({ method, path, headers, body, signal }).catch((error: unknown) => {
      throw new HeadgateError(`can't be asked: ${reasonOf(error)}`, {
        code: 'DISCOVERY_UNREACHABLE',
        source: 'upstream',
        cause: error,
      });
    });
    return replyOf(response);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

function replyOf({ statusCode, headers, body }: Dispatcher.ResponseData): RegistryReply {
  // A body that is given up half-read ends with an error of its own, which nobody waits for.
  body.on('error', () => {});
  const date = typeof headers.date === 'string' ? Date.parse(headers.date) : Number.NaN;
  const read = () => (headers['content-encoding'] === 'gzip' ? unzipped(body) : body);
  return {
    status: statusCode,
    date: Number.isNaN(date) ? null : date,
    json: () => readJson(read()),
    refusal: async (advice) => {
      const text = await excerpt(read()).catch(() => '');
      const hint = advice.get(statusCode) ?? (statusCode >= 500 ? 'it failed' : 'this is not an answer that it gives');
      const said = text === '' ? '' : ` (it says: ${text})`;
      const message = `answered ${statusCode}: ${hint}${said}`;
      return new HeadgateError(message, { code: 'DISCOVERY_REFUSED', source: 'upstream' });
    },
    discard: () => void body.dump().catch(() => {}),
  };
}

function unzipped(body: Readable): Readable {
  return pipeline(body, createGunzip(), () => {});
}

function basicAuthentication(url: URL): Record<string, string> {
  if (url.username === '') return {};
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
}

/** Asks one of several servers that know the same: the one that answered last, and after a failure the next. */
export class RegistryClient implements Closable {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #patience: number;
  readonly #servers: readonly RegistryServer[];
  #preferred = 0;

  /** `name` is the registry's, for messages. */
  constructor(name: string, urls: readonly URL[], limits: ClientLimits, clock: Clock) {
    this.#name = name;
    this.#clock = clock;
    this.#patience = limits.connect + limits.read;
    this.#servers = urls.map((url, index) => new RegistryServer(index, url, limits));
  }

  /** Milliseconds after which `ask` has an answer or has failed, however many servers hang. */
  get patience(): number {
    return this.#patience * this.#servers.length + 1000;
  }

  /** Makes the attempt with each server once at most. Rejects with the failure of the last one, which names the server. */
  async ask<T>(attempt: (server: RegistryServer, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let left = this.#servers.length - 1; ; left--) {
      const server = this.#servers[this.#preferred]!;
      try {
        return await withDeadline(this.#clock, this.#patience, signal, (limited) => attempt(server, limited));
      } catch (error) {
        this.#leave(server);
        if (left <= 0 || signal.aborted) throw this.#named(server, error);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  #leave(server: RegistryServer): void {
    if (this.#servers[this.#preferred] === server) this.#preferred = (server.index + 1) % this.#servers.length;
  }

  /** The address without its path and password. */
  #named(server: RegistryServer, error: unknown): HeadgateError {
    const known = error instanceof HeadgateError;
    const text = known ? error.message : `can't be understood: ${reasonOf(error)}`;
    const code = known ? error.code : 'DISCOVERY_ANSWER';
    return new HeadgateError(`${this.#name} at ${server.url.origin}: ${text}`, {
      code,
      source: 'upstream',
      cause: error,
    });
  }
}

/** The addresses as URLs. Throws CONFIG_INVALID, with the place, for what is not an http or https URL. */
export function registryUrls(addresses: readonly string[], place: string, path: string): readonly URL[] {
  const refuse = (message: string) => new HeadgateError(message, { code: 'CONFIG_INVALID', source: 'self' });
  if (addresses.length === 0) throw refuse(`${place} is empty: give at least one address`);
  return addresses.map((text, position) => {
    const url = URL.parse(text);
    // The text itself is not repeated: it may hold a password.
    if (!url || !/^https?:$/.test(url.protocol)) throw refuse(`${place}[${position}] is not an http or https URL`);
    url.pathname = `${url.pathname}/${path}`.replace(/\/+/g, '/').replace(/\/$/, '');
    return url;
  });
}
