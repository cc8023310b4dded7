import { pino } from 'pino';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Level } from './forwarded-log.ts';
import { formatEvent } from './pretty-event.ts';

/** Where events go: a `LineOutput`, or anything that takes lines. */
export interface EventDestination {
  /** One line with its newline. */
  write(text: string): void;
  /** True for a terminal: people read there, programs elsewhere. */
  readonly isTTY?: boolean;
}

/** The process's events: one JSON object a line, or one line of plain text on a terminal. */
export function createEventLog(level: Level, destination: EventDestination): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: printable },
    },
    destination.isTTY ? { write: (line: string) => destination.write(formatEvent(line)) } : destination,
  );
  const write = (name: Level) => (event: string, message: string, fields?: Record<string, unknown>) =>
    logger[name]({ event, ...fields }, message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** Errors as one line instead of a stack, and what JSON has no form for as text. */
function printable(fields: Record<string, unknown>): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    plain[key] = value instanceof Error ? reasonOf(value) : typeof value === 'bigint' ? String(value) : value;
  }
  return plain;
}
