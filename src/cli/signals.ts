import type { Gateway } from '../control/gateway.ts';
import type { Reloader } from '../control/reloader.ts';
import { type ShutdownTimes, shutDown } from '../control/shutdown.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

/**
 * The signals of the process, caught from the first moment on: one that comes during the start is not lost.
 *
 * SIGTERM and SIGINT shut down, a second one ends every wait. SIGHUP reads the configuration again, SIGUSR1 opens log
 * files anew.
 */
export class Signals {
  readonly stopped: Promise<void>;
  readonly #hurry = new AbortController();
  readonly #handlers: readonly [NodeJS.Signals, () => void][];
  #reload: () => void = () => {};
  #reopen: () => void = () => {};

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped = promise;
    let seen = 0;
    const stop = () => {
      seen += 1;
      if (seen === 1) resolve();
      else this.#hurry.abort();
    };
    this.#handlers = [
      ['SIGTERM', stop],
      ['SIGINT', stop],
      ['SIGHUP', () => this.#reload()],
      ['SIGUSR1', () => this.#reopen()],
    ];
    for (const [name, handler] of this.#handlers) process.on(name, handler);
  }

  /** Aborted by a second signal to stop. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  /** What SIGHUP and SIGUSR1 do from now on. */
  serve(reload: () => void, reopen: () => void): void {
    this.#reload = reload;
    this.#reopen = reopen;
  }

  release(): void {
    for (const [name, handler] of this.#handlers) process.off(name, handler);
  }
}

/** Serves until a signal to stop, then shuts down. Resolves with the exit code. */
export async function untilStopped(
  signals: Signals,
  gateway: Gateway,
  reloader: Reloader | null,
  times: ShutdownTimes,
  clock: Clock,
  log: Log,
): Promise<number> {
  const reload = () => {
    if (reloader) void reloader.reload();
    else log.warn('config.no-file', 'SIGHUP: there is no configuration file to read again');
  };
  signals.serve(reload, () => gateway.reopenLogs());
  await signals.stopped;
  await reloader?.close(clock.now());
  return shutDown(gateway, times, clock, log, signals.hurry);
}
