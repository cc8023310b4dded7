import { Backoff } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { jittered, type Random } from '../core/random.ts';
import { withDeadline } from './deadline.ts';
import type { Gate } from './gate.ts';
import { TokenBucket } from './token-bucket.ts';

export interface Answer<T> {
  readonly value: T;
  /** Milliseconds to let pass before the next question: 0 when the source itself makes the next question wait. */
  readonly pause: number;
}

/** What an adapter asks its source again and again, and where the answers go. */
export interface Question<T> {
  /**
   * Asks once. `fresh` is true for the first question, after a failure and for a resync: the source's whole state is
   * wanted at once, and nothing remembered from earlier answers counts. Rejects when there is no usable answer.
   */
  ask(fresh: boolean, signal: AbortSignal): Promise<Answer<T>>;
  /** Milliseconds that one question may take. */
  deadline(fresh: boolean): number;
  deliver(value: T): void;
  fail(error: HeadgateError): void;
  /** Bounds how many fresh questions are under way at once; the time in the queue is not part of the deadline. */
  readonly gate: Gate | null;
}

export interface LoopTools {
  readonly clock: Clock;
  readonly random: Random;
}

/** Milliseconds between two questions for the whole state, ±10 %: what heals a watch that misses changes. */
const RESYNC_MS = 300_000;
/**
 * Floor between questions. An ordinary change is asked for at once; a source whose answers return without waiting (a
 * flapping service, an index that is never accepted) is asked ten times a second.
 */
const BURST = 20;
const REFILL_MS = 100;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;

/**
 * The loop of every adapter that asks: ask, deliver or fail, wait. Settles only after `signal` aborts and never rejects;
 * neither `deliver` nor `fail` is called after the abort.
 */
export async function runWatch<T>(question: Question<T>, tools: LoopTools, signal: AbortSignal): Promise<void> {
  const { clock, random } = tools;
  const backoff = new Backoff(random, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
  const rate = new TokenBucket(clock, BURST, REFILL_MS);
  let resyncAt = clock.now();
  while (!signal.aborted) {
    const early = rate.delay();
    if (early > 0) await sleep(clock, early, signal);
    if (signal.aborted) return;
    rate.take();
    const fresh = clock.now() >= resyncAt;
    try {
      const answer = await askOnce(question, fresh, clock, signal);
      if (signal.aborted) return;
      question.deliver(answer.value);
      if (fresh) resyncAt = clock.now() + jittered(random, RESYNC_MS, 0.1);
      backoff.reset();
      if (answer.pause > 0) await sleep(clock, answer.pause, signal);
    } catch (error) {
      if (signal.aborted) return;
      question.fail(asDiscoveryError(error));
      resyncAt = clock.now();
      await sleep(clock, backoff.next(), signal);
    }
  }
}

async function askOnce<T>(
  question: Question<T>,
  fresh: boolean,
  clock: Clock,
  signal: AbortSignal,
): Promise<Answer<T>> {
  const gate = fresh ? question.gate : null;
  if (gate && !(await gate.enter(signal))) throw signal.reason;
  try {
    return await withDeadline(clock, question.deadline(fresh), signal, (limited) => question.ask(fresh, limited));
  } finally {
    gate?.leave();
  }
}

/** What any failure of a question is told as. */
export function asDiscoveryError(error: unknown): HeadgateError {
  if (error instanceof HeadgateError) return error;
  return new HeadgateError(reasonOf(error), { code: 'DISCOVERY_FAILED', source: 'upstream', cause: error });
}
