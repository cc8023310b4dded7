import type { Gateway } from '../control/gateway.ts';
import type { Reloader } from '../control/reloader.ts';
import { type ShutdownTimes, shutDown } from '../control/shutdown.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

/**
 * Serves until SIGTERM or SIGINT, then shuts down; a second one ends it at once. SIGHUP reads the configuration again,
 * SIGUSR1 opens log files anew. Resolves with the exit code.
 */
export async function untilStopped(
  gateway: Gateway,
  reloader: Reloader | null,
  times: ShutdownTimes,
  clock: Clock,
  log: Log,
): Promise<number> {
  const hurry = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let signals = 0;
  const stop = () => {
    signals += 1;
    if (signals === 1) stopped.resolve();
    else hurry.abort();
  };
  const reload = () => {
    if (reloader) void reloader.reload();
    else log.warn('config.no-file', 'SIGHUP: there is no configuration file to read again');
  };
  const reopen = () => gateway.reopenLogs();
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', reload).on('SIGUSR1', reopen);
  try {
    await stopped.promise;
    await reloader?.close(clock.now());
    return await shutDown(gateway, times, clock, log, hurry.signal);
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', reload).off('SIGUSR1', reopen);
  }
}
