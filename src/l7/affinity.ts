import type { PickContext } from '../balancers/types.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedRoute, PlannedSubset } from '../upstream/plan.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { hashKeyOf, type KeySource } from './hash-key.ts';
import type { RequestHead } from './head.ts';
import { findCookie, TextSpan } from './text-span.ts';

const span = new TextSpan();

/** What in a request has a say in its node: the key of `chash`, and the cookie of sticky sessions. Reused. */
export class Affinity {
  #token = '';

  /** The node for the first try: the one that the client is bound to, if it may be used, else the balancer's. */
  pick(
    upstream: Upstream,
    { subset, headroom }: PlannedRoute,
    head: RequestHead,
    source: KeySource,
    context: PickContext,
  ): TableHandle | null {
    const { hash } = upstream.plan;
    if (hash !== null) context.hash = hashKeyOf(hash).hash(head, source);
    return this.bound(upstream, subset, head, context.now) ?? upstream.pick(context, subset, headroom);
  }

  /** The node that the client is bound to by its cookie, if that node may be used. */
  bound(upstream: Upstream, subset: PlannedSubset | null, head: RequestHead, now: number): TableHandle | null {
    const { sticky } = upstream.plan;
    if (sticky === null) return null;
    this.#token = findCookie(head.fields, sticky.cookie, span) ? span.toString() : '';
    return this.#token === '' ? null : upstream.bound(this.#token, subset, now);
  }

  /** A field line, with its CR LF, that binds the client to the node that answers; empty when it is bound to it. */
  fieldFor(upstream: Upstream, handle: TableHandle | null): string {
    const { sticky } = upstream.plan;
    if (sticky === null || handle === null) return '';
    const token = upstream.tokenOf(handle);
    return token === this.#token ? '' : `Set-Cookie: ${sticky.cookie}=${token}; ${sticky.attributes}\r\n`;
  }
}
