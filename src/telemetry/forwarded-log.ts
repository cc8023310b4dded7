import type { Log } from '../core/log.ts';

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

/** An event on its way from a worker to the control thread. */
export interface ForwardedEvent {
  readonly level: Level;
  readonly event: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A worker's log: events go to the control thread, so that one thread writes them, in order. */
export function createForwardedLog(send: (event: ForwardedEvent) => void): Log {
  const forward = (level: Level) => (event: string, message: string, fields?: Record<string, unknown>) =>
    send({ level, event, message, fields: cloneable(fields ?? {}) });
  return { debug: forward('debug'), info: forward('info'), warn: forward('warn'), error: forward('error') };
}

/** The control thread's side: writes a worker's event and says which worker it was. */
export function replayEvent(log: Log, worker: number, { level, event, message, fields }: ForwardedEvent): void {
  log[level](event, message, { ...fields, worker });
}

/** `postMessage` throws on functions and symbols; a log must not throw for what it is given. */
function cloneable(fields: Record<string, unknown>): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    const simple =
      value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol');
    plain[key] = simple ? value : asData(value);
  }
  return plain;
}

function asData(value: unknown): unknown {
  if (value instanceof Error || typeof value !== 'object') return String(value);
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}
