import type { Clock } from '../../core/clock.ts';
import { reasonOf } from '../../core/errors.ts';
import type { ProbeResult } from '../types.ts';

/** One probe under way, as the code that talks to the node sees it. */
export interface Attempt {
  /** Ends it; only the first call counts, and `null` does not. */
  finish(result: ProbeResult | null): void;
  /** Time since it began, for people. */
  elapsed(): string;
}

/** What an attempt holds. */
export interface Held {
  /** What is missing when time runs out: "no … within 1000 ms". */
  awaits(): string;
  /** Closes what is open. Called once, at the end. */
  release(): void;
  /** Time ran out: a result if that is not a failure. */
  onTimeout?(): ProbeResult;
}

const ABORTED: ProbeResult = { verdict: 'neutral', detail: 'aborted' };
const HELD_UP: ProbeResult = { verdict: 'neutral', detail: 'this process was held up' };

/** When a timeout fires this late the process stood still, and the answer may have been waiting to be read. */
const HELD_UP_MS = 250;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name lookup failed',
};

/** Shortages of this machine, which say nothing about the node. */
const OWN_TROUBLE = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

/** What an error of a socket says of the node. */
export function failure(error: unknown): ProbeResult {
  const { code = '', reason, library } = error as { code?: string; reason?: string; library?: string };
  const tls = library === 'SSL routines' && reason !== undefined ? `TLS: ${reason}` : undefined;
  return { verdict: OWN_TROUBLE.has(code) ? 'neutral' : 'tcp', detail: REASONS[code] ?? tls ?? reasonOf(error) };
}

export function broken(detail: string): ProbeResult {
  return { verdict: 'tcp', detail };
}

/**
 * Runs what `begin` starts until it finishes, and always releases what it holds. Resolves exactly once and never rejects:
 * after `timeoutMs` with `timeout`, and after an abort with `neutral`.
 */
export function attempt(
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
  begin: (attempt: Attempt) => Held,
): Promise<ProbeResult> {
  if (signal.aborted) return Promise.resolve(ABORTED);
  return new Promise((resolve) => {
    const began = clock.now();
    let over = false;
    let held: Held | null = null;
    const finish = (result: ProbeResult | null) => {
      if (result === null || over) return;
      over = true;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      held?.release();
      resolve(result);
    };
    const onAbort = () => finish(ABORTED);
    const timer = clock.after(timeoutMs, () => {
      if (clock.now() - began - timeoutMs > HELD_UP_MS) return finish(HELD_UP);
      finish(held?.onTimeout?.() ?? { verdict: 'timeout', detail: `no ${held?.awaits()} within ${timeoutMs} ms` });
    });
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      held = begin({ finish, elapsed: () => `${Math.round(clock.now() - began)} ms` });
      if (over) held.release();
    } catch (error) {
      finish(failure(error));
    }
  });
}
