import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedSubset } from '../upstream/plan.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { RequestHead } from './head.ts';
import { findCookie, TextSpan } from './text-span.ts';

const span = new TextSpan();

/** The binding of one request's client to a node, where the upstream has sticky sessions. Reused. */
export class Affinity {
  #token = '';

  /** The node that the request is bound to by its cookie, if that node may be used. */
  begin(upstream: Upstream, subset: PlannedSubset | null, head: RequestHead, now: number): TableHandle | null {
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
