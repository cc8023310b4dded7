import { type Clock, systemClock } from '../../core/clock.ts';
import type { Probe } from '../types.ts';
import { converse } from './conversation.ts';

export interface TcpProbeOptions {
  readonly timeoutMs: number;
}

/** Asks whether a connection can be made; sends nothing. */
export function createTcpProbe(options: TcpProbeOptions, clock: Clock = systemClock): Probe {
  return {
    check: (address, signal) =>
      converse(address, options.timeoutMs, clock, signal, {
        connected: (_, elapsed) => ({ verdict: 'success', detail: `connected in ${elapsed}` }),
        heard: () => null,
      }),
  };
}
