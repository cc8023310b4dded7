/**
 * Where events go. An event is a change that an operator would want to know of: never one per request.
 * `event` is a stable name in kebab-case with a dot for the area ("discovery.held"); `message` is for people.
 */
export interface Log {
  debug(event: string, message: string, fields?: Record<string, unknown>): void;
  info(event: string, message: string, fields?: Record<string, unknown>): void;
  warn(event: string, message: string, fields?: Record<string, unknown>): void;
  error(event: string, message: string, fields?: Record<string, unknown>): void;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
