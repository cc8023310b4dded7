import { Dispatcher } from 'undici';
import { hashText } from '../balancers/hash.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError } from '../core/errors.ts';
import { FURTHER_NODES } from '../upstream/further-nodes.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedHash } from '../upstream/plan.ts';
import type { SnapshotSource } from '../upstream/snapshot.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { flatHeaders, headerOf } from './dispatch-headers.ts';
import { DispatchTry, type RetryKind } from './dispatch-try.ts';
import { NodeConnections } from './node-connections.ts';

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/**
 * undici's way to the nodes of an upstream: each request goes to the node that the balancer picks. The host of the request's
 * URL is what the node sees as Host; where it leads is not looked at.
 *
 * A node that can't be connected to is left alone for a second, and the request goes to another one, unless its body is a
 * stream. An idempotent request whose connection ends before an answer is tried once more. Nothing else is: undici's `retry`
 * interceptor can be composed on top.
 */
export class UpstreamDispatcher extends Dispatcher {
  readonly #snapshots: SnapshotSource;
  readonly #upstreamId: string;
  readonly #clock: Clock;
  readonly #connections = new NodeConnections();

  constructor(snapshots: SnapshotSource, upstreamId: string, clock: Clock) {
    super();
    this.#snapshots = snapshots;
    this.#upstreamId = upstreamId;
    this.#clock = clock;
    snapshots.onReplaced((snapshot) => this.#connections.keep(snapshot));
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const upstream = this.#snapshots.current.upstreams.get(this.#upstreamId);
    if (!upstream) throw noNode(this.#upstreamId);
    return this.#try(upstream, withHost(options), handler, [], false);
  }

  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    const closed = this.#connections.close();
    if (!callback) return closed;
    void closed.then(callback);
  }

  override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> {
    const reason = error instanceof Error ? error : null;
    const done = typeof error === 'function' ? error : callback;
    return this.#connections.destroy(reason).then(() => done?.());
  }

  #try(
    upstream: Upstream,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
    tried: readonly TableHandle[],
    begun: boolean,
  ): boolean {
    const handle = upstream.pick({ hash: hashOf(options, upstream.plan.hash), now: this.#clock.now(), tried }, null);
    if (!handle) throw noNode(this.#upstreamId);
    const retry = (kind: RetryKind, started: boolean) =>
      mayRepeat(kind, options, tried.length) &&
      this.#again(upstream, options, handler, [...tried, handle], kind, started);
    const attempt = new DispatchTry(handle, handler, this.#clock, retry, begun);
    return this.#connections.of(handle, upstream.plan).dispatch(options, attempt);
  }

  #again(
    upstream: Upstream,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
    tried: readonly TableHandle[],
    kind: RetryKind,
    begun: boolean,
  ): boolean {
    if (kind === 'unsent') upstream.connectFailed(tried.at(-1)!, this.#clock.now());
    const allowed = upstream.plan.retries ?? Math.min(FURTHER_NODES, upstream.handles.length - 1);
    if (tried.length > allowed) return false;
    try {
      this.#try(upstream, options, handler, tried, begun);
      return true;
    } catch {
      return false;
    }
  }
}

/** What `chash` goes by in a client: the header that it names, else the path with the query. */
function hashOf({ headers = null, path }: Dispatcher.DispatchOptions, plan: PlannedHash | null): number {
  if (plan === null) return 0;
  const value = plan.on === 'header' ? headerOf(headers, plan.key.toLowerCase()) : null;
  return hashText(value ?? path);
}

function noNode(id: string): HeadgateError {
  return new HeadgateError(`upstream ${id} has no node`, { code: 'NO_NODE', source: 'upstream', retry: 'safe' });
}

/** A request that may have reached a node is repeated once, and only if that can't do anything twice (RFC 9110 §9.2.2). */
function mayRepeat(kind: RetryKind, { method, body }: Dispatcher.DispatchOptions, triesBefore: number): boolean {
  const isKept = body === null || body === undefined || typeof body === 'string' || ArrayBuffer.isView(body);
  return isKept && (kind === 'unsent' || (triesBefore === 0 && IDEMPOTENT.has(method)));
}

/** The origin names the Host; the connection is the balancer's matter. */
function withHost(options: Dispatcher.DispatchOptions): Dispatcher.DispatchOptions {
  const { origin, ...rest } = options;
  if (origin === undefined) return rest;
  const { host } = new URL(origin);
  return { ...rest, headers: addHost(options.headers ?? null, host) };
}

function addHost(headers: NonNullable<Dispatcher.DispatchOptions['headers']> | null, host: string): string[] {
  const flat = flatHeaders(headers);
  return headerOf(flat, 'host') === null ? [...flat, 'host', host] : flat;
}
