import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { KubernetesAccess } from './kubernetes-client.ts';
import type { Secret } from './tls-connector.ts';

type Entry = Readonly<Record<string, unknown>>;

/** Ways to get credentials that Headgate does not offer, and what to use in their place. */
const REFUSED: Readonly<Record<string, string>> = {
  exec: 'it gets its credentials from a program (exec), which Headgate does not run: create a service account for Headgate and give its token in client.token_file',
  'auth-provider':
    'it uses an auth-provider, which Kubernetes has removed: create a service account and give its token in client.token_file',
  username:
    'it uses a password, which Kubernetes has removed: create a service account and give its token in client.token_file',
};

/**
 * Reads a kubeconfig as kubectl does: one context, its cluster and its user. `context` is null for the current one.
 * Relative paths start at the file's directory. Throws CONFIG_INVALID with the place and the remedy.
 */
export function readKubeconfig(file: string, context: string | null): KubernetesAccess {
  const reader = new KubeconfigReader(file);
  const name = context ?? reader.currentContext();
  const { cluster, user } = reader.named('contexts', 'context', name);
  if (typeof cluster !== 'string') throw reader.fault(`the context "${name}" names no cluster`);
  const account = user === undefined ? {} : reader.named('users', 'user', String(user));
  for (const [key, remedy] of Object.entries(REFUSED)) {
    if (account[key] !== undefined) throw reader.fault(`the user "${user}" can't be used: ${remedy}`);
  }
  const place = reader.named('clusters', 'cluster', cluster);
  if (place['proxy-url'] !== undefined)
    throw reader.fault(`the cluster "${cluster}" has a proxy-url: give a direct address`);
  const server = typeof place.server === 'string' ? URL.parse(place.server) : null;
  if (!server || !/^https?:$/.test(server.protocol)) {
    throw reader.fault(`the server of the cluster "${cluster}" is not an http or https URL`);
  }
  const cert = reader.secret(account, 'client-certificate');
  const key = reader.secret(account, 'client-key');
  if ((cert === null) !== (key === null)) {
    throw reader.fault(`the user "${user}" needs both a client-certificate and a client-key`);
  }
  return {
    server,
    token: reader.token(account),
    ca: reader.secret(place, 'certificate-authority'),
    clientCertificate: cert && key ? { cert, key } : null,
    serverName: typeof place['tls-server-name'] === 'string' ? place['tls-server-name'] : null,
    verify: place['insecure-skip-tls-verify'] !== true,
  };
}

class KubeconfigReader {
  readonly #file: string;
  readonly #content: Entry;

  constructor(file: string) {
    this.#file = file;
    this.#content = this.#read();
  }

  fault(message: string, cause?: unknown): HeadgateError {
    return new HeadgateError(`the kubeconfig ${this.#file} can't be used: ${message}`, {
      code: 'CONFIG_INVALID',
      source: 'self',
      cause,
    });
  }

  currentContext(): string {
    const name = this.#content['current-context'];
    if (typeof name === 'string' && name !== '') return name;
    throw this.fault('it has no current-context: set discovery.kubernetes.context');
  }

  /** The entry of that name in a list such as `clusters: [{name, cluster: {…}}]`. */
  named(list: string, member: string, name: string): Entry {
    const entries = this.#content[list];
    const found = Array.isArray(entries) ? entries.find((entry) => isEntry(entry) && entry.name === name) : undefined;
    if (!found) throw this.fault(`there is no "${name}" in its ${list}`);
    const content = found[member];
    if (content === null || content === undefined) return {};
    if (!isEntry(content)) throw this.fault(`"${name}" in its ${list} is not an object`);
    return content;
  }

  /** The value of `key-data` (Base64) or the file that `key` names; the data win. */
  secret(entry: Entry, key: string): Secret | null {
    const data = entry[`${key}-data`];
    if (typeof data === 'string' && data !== '') return { text: Buffer.from(data, 'base64').toString('utf8') };
    const path = entry[key];
    return typeof path === 'string' && path !== '' ? { file: this.#absolute(path) } : null;
  }

  /** Here the file wins, as it may be renewed. */
  token(entry: Entry): Secret | null {
    if (typeof entry.tokenFile === 'string' && entry.tokenFile !== '') return { file: this.#absolute(entry.tokenFile) };
    return typeof entry.token === 'string' && entry.token !== '' ? { text: entry.token } : null;
  }

  #absolute(path: string): string {
    return resolve(dirname(this.#file), path);
  }

  #read(): Entry {
    let content: unknown;
    try {
      content = parse(readFileSync(this.#file, 'utf8'));
    } catch (cause) {
      throw this.fault(reasonOf(cause), cause);
    }
    if (!isEntry(content)) throw this.fault('it is not a YAML object');
    return content;
  }
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
