import { createHmac } from 'node:crypto';
import { formatAddress } from '../core/address.ts';
import type { TableHandle } from './handle.ts';
import type { PlannedUpstream } from './plan.ts';

/** Bytes of the signature that a cookie holds. */
const LENGTH = 16;

interface Signed {
  readonly secret: string;
  readonly token: string;
}

/** What signing has cost once stays, for as long as the node does. */
const signed = new WeakMap<TableHandle, Signed>();

/**
 * Clients bound to nodes. The token in a client's cookie is an HMAC-SHA256 of upstream and address: it shows nothing of
 * the node, nobody without the secret can make one, and to check it is to look it up.
 */
export class Bindings {
  readonly #upstreamId: string;
  readonly #secret: string;
  readonly #handles: readonly TableHandle[];
  /** By token; built when the first cookie comes. */
  #nodes: ReadonlyMap<string, TableHandle> | null = null;

  constructor({ id }: PlannedUpstream, secret: string, handles: readonly TableHandle[]) {
    this.#upstreamId = id;
    this.#secret = secret;
    this.#handles = handles;
  }

  /** The node that the token names; null for any text that is not a token of one of these nodes. */
  find(token: string): TableHandle | null {
    this.#nodes ??= new Map(this.#handles.map((handle) => [this.tokenOf(handle), handle]));
    return this.#nodes.get(token) ?? null;
  }

  tokenOf(handle: TableHandle): string {
    const known = signed.get(handle);
    if (known !== undefined && known.secret === this.#secret) return known.token;
    const text = JSON.stringify([this.#upstreamId, formatAddress(handle.node)]);
    const token = createHmac('sha256', this.#secret).update(text).digest().toString('base64url', 0, LENGTH);
    signed.set(handle, { secret: this.#secret, token });
    return token;
  }
}
