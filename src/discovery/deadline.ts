import type { Clock } from '../core/clock.ts';
import { HeadgateError } from '../core/errors.ts';

/**
 * Runs `task` with a signal that aborts when `signal` does or after `ms` milliseconds, whichever is first.
 *
 * Settles by then even if the task does not heed its signal. Rejects with DISCOVERY_TIMEOUT when the time is over.
 */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const stop = (reason: unknown) => {
      finish();
      controller.abort(reason);
      reject(reason);
    };
    const late = () => {
      const seconds = Math.round(ms / 100) / 10;
      stop(
        new HeadgateError(`no complete answer within ${seconds} s`, { code: 'DISCOVERY_TIMEOUT', source: 'upstream' }),
      );
    };
    const cancel = () => stop(signal.reason);
    const timer = clock.after(ms, late);
    const finish = () => {
      timer.cancel();
      signal.removeEventListener('abort', cancel);
    };
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) return cancel();
    task(controller.signal).then(resolve, reject).finally(finish);
  });
}

/** Resolves when `signal` aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
