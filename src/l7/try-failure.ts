import { Outcome } from '../balancers/types.ts';
import {
  type Answer,
  BAD_RESPONSE,
  CONNECT_FAILED,
  CONNECT_TIMEOUT,
  READ_TIMEOUT,
  SEND_TIMEOUT,
  UPSTREAM_CLOSED,
} from './respond.ts';
import type { FailureKind } from './retry.ts';

/** How the use of a node that failed so is counted. */
export function outcomeOf(kind: FailureKind): Outcome {
  if (kind === 'connect') return Outcome.connectFailure;
  return kind === 'timeout' ? Outcome.timeout : Outcome.reset;
}

/** How an answer with this status is counted. */
export function outcomeOfStatus(status: number, failing: readonly number[]): Outcome {
  const failed = failing.length === 0 ? status >= 500 : failing.includes(status);
  return failed ? Outcome.serverError : Outcome.success;
}

/** What the client is told when nothing else can be tried. */
export function answerTo(kind: FailureKind, code: string): Answer {
  if (kind === 'connect') return code === 'CONNECT_TIMEOUT' ? CONNECT_TIMEOUT : CONNECT_FAILED;
  if (kind === 'closed') return UPSTREAM_CLOSED;
  if (kind === 'protocol') return BAD_RESPONSE;
  return code === 'SEND_TIMEOUT' ? SEND_TIMEOUT : READ_TIMEOUT;
}
