import type { OUTCOMES } from '../balancers/types.ts';

/** One try of a request on one node, in the order in which they were made. */
export interface AccessTry {
  /** `host:port`. */
  readonly node: string;
  readonly outcome: (typeof OUTCOMES)[number];
  /** Time until the try was decided, in microseconds. */
  readonly micros: number;
}

/** Who ended an exchange, and in which phase: the first thing to look at when something went wrong. */
export interface AccessEnd {
  readonly by: 'client' | 'upstream' | 'self';
  /** The stage that was under way, such as `head`, `route`, `connect`, `send`, `wait`, `relay`, `done`. */
  readonly phase: string;
  /** Stable code of what happened; null when the exchange came to its end in order. */
  readonly cause: string | null;
}

/** What is known of one HTTP request when it is over. */
export interface AccessEntry {
  /** Wall-clock milliseconds at which the request's head was complete. */
  readonly time: number;
  /** Name of the listener, as configured. */
  readonly listener: string;
  /** The client's IP address. */
  readonly client: string;
  readonly method: string;
  readonly host: string;
  /** A query, if there is one, is not logged: queries hold secrets. */
  readonly path: string;
  /** `HTTP/1.1`, `websocket`, … */
  readonly protocol: string;
  /** Status sent to the client; 0 when none was sent. */
  readonly status: number;
  /** Body bytes from the client. */
  readonly bytesIn: number;
  /** Body bytes to the client. */
  readonly bytesOut: number;
  readonly durationMs: number;
  readonly route: string | null;
  readonly upstream: string | null;
  readonly tries: readonly AccessTry[];
  readonly end: AccessEnd;
}
