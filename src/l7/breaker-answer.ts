import type { PlannedBreaker } from '../upstream/plan.ts';
import { type Answer, answer, customAnswer } from './respond.ts';

const CODE = 'breaker-open';
const built = new WeakMap<PlannedBreaker, Answer>();

/** What clients get while a breaker is open. */
export function breakerAnswer(breaker: PlannedBreaker): Answer {
  const known = built.get(breaker);
  if (known) return known;
  const { status, contentType, body, retryAfterSeconds } = breaker;
  const message = 'the service fails too often and is left alone for a while';
  const fields = `Retry-After: ${retryAfterSeconds}\r\n`;
  const made =
    body === null ? answer(status, CODE, message, fields) : customAnswer(status, CODE, contentType, body, fields);
  built.set(breaker, made);
  return made;
}
