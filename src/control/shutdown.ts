import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { untilAborted } from '../discovery/deadline.ts';
import type { Gateway } from './gateway.ts';

export interface ShutdownTimes {
  /** Milliseconds between the end of readiness and the end of accepting. */
  readonly delay: number;
  /** Milliseconds that requests and streams get to end. */
  readonly drain: number;
}

/** A registry that does not answer may delay a shutdown by this (ms). */
const DEREGISTER_MS = 3_000;

/**
 * Ends a gateway in order: out of the registries, readiness off, wait until the load balancer in front has noticed, stop accepting, let what is under
 * way end, cut what is left. `hurry` aborts every wait. Resolves with the exit code: 0 when all were served, 1 when not.
 */
export async function shutDown(
  gateway: Gateway,
  times: ShutdownTimes,
  clock: Clock,
  log: Log,
  hurry: AbortSignal,
): Promise<number> {
  log.info('shutdown.begun', `shutting down: not ready any more, accepting for another ${times.delay / 1000} s`);
  const deregistered = gateway.deregister(clock.now() + DEREGISTER_MS);
  gateway.announceShutdown();
  await Promise.race([deregistered, untilAborted(hurry)]);
  await sleep(clock, times.delay, hurry);
  const deadline = clock.now() + (hurry.aborted ? 0 : times.drain);
  log.info('shutdown.draining', 'accepting nothing new; waiting for what is under way');
  const closed = gateway.close(deadline);
  hurry.addEventListener('abort', () => gateway.cutNow(), { once: true });
  await closed;
  const { cut } = gateway;
  log[cut > 0 ? 'warn' : 'info']('shutdown.done', cut > 0 ? `${cut} connections were cut` : 'everything was served', {
    cut,
  });
  return cut > 0 ? 1 : 0;
}
