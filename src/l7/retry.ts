import { FURTHER_NODES } from '../upstream/further-nodes.ts';

/** How a use of a node failed. */
export type FailureKind =
  /** No connection: refused, unreachable, or not in time. */
  | 'connect'
  /** The connection ended or broke. */
  | 'closed'
  /** The node did not answer, or did not take the request, in time. */
  | 'timeout'
  /** The node sent something that is not an answer. */
  | 'protocol'
  /** The node answered, with a status after which the upstream wants another node to be tried. */
  | 'status';

/** What is known when a use of a node has failed. */
export interface FailedTry {
  readonly kind: FailureKind;
  /** The connection had carried a request before. */
  readonly reused: boolean;
  /** Nothing of the request was handed to the kernel. */
  readonly nothingSent: boolean;
  /** Some of the request's body was. */
  readonly bodySent: boolean;
  /** Some byte of an answer has arrived. */
  readonly answerBegun: boolean;
  readonly method: string;
  /** Fresh connections that this exchange has already made because a kept-alive one was stale, on this node. */
  readonly refreshed: number;
  /** Further nodes that this exchange has already gone to after something had been sent. */
  readonly repeated: number;
  /** Further nodes that this exchange has already gone to, for any reason. */
  readonly moved: number;
  /** Milliseconds since the exchange began. */
  readonly elapsedMs: number;
}

export interface RetryLimits {
  /** Further nodes that may be tried; null leaves it to the kind of failure. */
  readonly retries: number | null;
  /** Milliseconds after which no further try begins; 0 for no bound. */
  readonly retryTimeout: number;
}

/** `refresh`: the same node, on a new connection. `move`: another node. */
export type RetryDecision = 'refresh' | 'move' | 'give-up';

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Whether a failed request may be sent again, and where to.
 *
 * Nothing sent: always safe. Sent, and the connection died without a byte of an answer: once, if the method is
 * idempotent and the body is still whole; on a kept-alive connection that is most likely the race with the node's idle
 * timeout, which says nothing about the node (RFC 9112 §9.3.1). Answered with a status that the upstream wants to be tried
 * elsewhere: under the same conditions, once. After a timeout the node may still be working: never.
 */
export function decideRetry(failed: FailedTry, limits: RetryLimits): RetryDecision {
  const wasAnswered = failed.kind === 'status';
  if (failed.answerBegun && !wasAnswered) return 'give-up';
  if (limits.retryTimeout > 0 && failed.elapsedMs >= limits.retryTimeout) return 'give-up';
  const moreNodes = failed.moved < (limits.retries ?? FURTHER_NODES);
  if (failed.kind === 'connect') return moreNodes ? 'move' : 'give-up';
  if (failed.kind !== 'closed' && !wasAnswered) return 'give-up';
  const repeatable = failed.nothingSent || (IDEMPOTENT.has(failed.method) && !failed.bodySent);
  if (!repeatable) return 'give-up';
  if (failed.reused && !wasAnswered) return failed.refreshed === 0 ? 'refresh' : 'give-up';
  if (!moreNodes) return 'give-up';
  return failed.nothingSent || failed.repeated === 0 ? 'move' : 'give-up';
}
