/** A pending timer. */
export interface Timer {
  cancel(): void;
}

/** Source of time. Everything that decides by time takes one, so that a simulation can replace it. */
export interface Clock {
  /** Monotonic milliseconds (fractional). Every thread of the process reads the same time line. */
  now(): number;
  /** Wall-clock milliseconds since the Unix epoch; only for what people and files read. */
  wall(): number;
  /** Runs `task` once, `ms` milliseconds from now. Timers never keep the process alive. */
  after(ms: number, task: () => void): Timer;
}

/** `performance.now()` starts at zero in each thread; the kernel's monotonic clock is what they share. */
function threadOffset(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6 - performance.now();
}

class SystemClock implements Clock {
  readonly #offset = threadOffset();

  now(): number {
    return performance.now() + this.#offset;
  }

  wall(): number {
    return Date.now();
  }

  after(ms: number, task: () => void): Timer {
    const handle = setTimeout(task, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  }
}

export const systemClock: Clock = new SystemClock();

/** Resolves after `ms`, or at once when `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.after(ms, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** Waits for `work`, but no longer than until `deadline` (monotonic milliseconds). */
export async function settledBy(clock: Clock, deadline: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, sleep(clock, Math.max(0, deadline - clock.now()), done.signal)]);
  done.abort();
}
