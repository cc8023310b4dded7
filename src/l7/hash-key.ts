import { hashRange, hashText } from '../balancers/hash.ts';
import type { PlannedHash } from '../upstream/plan.ts';
import type { ClientForwarding } from './client-forwarding.ts';
import type { RequestHead } from './head.ts';
import { findArgument, findCookie, findField, TextSpan } from './text-span.ts';

/** What a key may be made of besides the head of the request. */
export interface KeySource {
  readonly forwarding: ClientForwarding;
  /** The client's connection, as far as there is one. */
  readonly socket: {
    readonly remotePort?: number | undefined;
    readonly localAddress?: string | undefined;
    readonly localPort?: number | undefined;
  };
}

/** Finds its part of the key of a request; false when the request does not have it. */
type Part = (head: RequestHead, source: KeySource, span: TextSpan) => boolean;

const span = new TextSpan();
const compiled = new WeakMap<PlannedHash, HashKey>();

/** What `chash` hashes of a request. Made once per plan; making a hash makes no strings. */
export class HashKey {
  readonly #variables: readonly Part[];
  /** Texts between the variables: one before each, and one behind the last. */
  readonly #texts: readonly string[];

  constructor({ on, key }: PlannedHash) {
    const pieces = on === 'vars_combinations' ? key.split(/\$(?:\{(\w+)\}|(\w+))/) : ['', variableOf(on, key), '', ''];
    const texts: string[] = [];
    const variables: Part[] = [];
    for (let at = 0; at < pieces.length; at += 3) {
      texts.push(pieces[at] ?? '');
      const name = pieces[at + 1] ?? pieces[at + 2];
      if (name) variables.push(partOf(name));
    }
    this.#texts = texts;
    this.#variables = variables;
  }

  /** The hash of the key; of the client's address when the request has nothing of it. */
  hash(head: RequestHead, source: KeySource): number {
    let hash = 0;
    let found = false;
    for (let index = 0; index < this.#variables.length; index++) {
      const text = this.#texts[index]!;
      if (text !== '') hash = hashRange(text, 0, text.length, hash);
      if (!this.#variables[index]!(head, source, span) || span.start === span.end) continue;
      hash = hashRange(span.text, span.start, span.end, hash);
      found = true;
    }
    return found ? hash : hashText(source.forwarding.clientAddress(head));
  }
}

export function hashKeyOf(plan: PlannedHash): HashKey {
  const known = compiled.get(plan);
  if (known !== undefined) return known;
  const key = new HashKey(plan);
  compiled.set(plan, key);
  return key;
}

/** `hash_on` in terms of variables. There are no consumers yet, so who asks is told by the address. */
function variableOf(on: PlannedHash['on'], key: string): string {
  if (on === 'header') return `http_${key}`;
  if (on === 'cookie') return `cookie_${key}`;
  return on === 'consumer' ? 'remote_addr' : key;
}

function whole(text: string): true {
  return span.set(text, 0, text.length);
}

/** Names and meanings as in nginx, where not said otherwise. */
const VARIABLES: Readonly<Record<string, Part>> = {
  remote_addr: (head, source) => whole(source.forwarding.clientAddress(head)),
  remote_port: (_, source) => whole(String(source.socket.remotePort ?? '')),
  server_addr: (_, source) => whole(source.socket.localAddress ?? ''),
  server_port: (_, source) => whole(String(source.socket.localPort ?? '')),
  server_name: (head) => whole(head.host),
  host: (head) => whole(head.host),
  // Normalised, as routes see it.
  uri: (head) => whole(head.path),
  request_uri: (head) => whole(head.target),
  query_string: (head) => query(head),
  args: (head) => query(head),
  request_method: (head) => whole(head.method),
};

function query(head: RequestHead): boolean {
  const at = head.target.indexOf('?');
  return at >= 0 && span.set(head.target, at + 1, head.target.length);
}

const NOTHING: Part = () => false;

function partOf(variable: string): Part {
  const fixed = VARIABLES[variable];
  if (fixed !== undefined) return fixed;
  const [kind, name] = [variable.slice(0, variable.indexOf('_')), variable.slice(variable.indexOf('_') + 1)];
  if (kind === 'arg') return (head, _, into) => findArgument(head.target, name, into);
  if (kind === 'cookie') return (head, _, into) => findCookie(head.fields, name, into);
  if (kind !== 'http') return NOTHING;
  const field = name.toLowerCase().replaceAll('_', '-');
  return field === 'host' ? VARIABLES.host! : (head, _, into) => findField(head.fields, field, into);
}
