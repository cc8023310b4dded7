/** A request, read as far as the routing table needs it. */
export interface ApiRequest {
  /** What stood for the last part of the path in the table, decoded. */
  readonly id: string;
  readonly query: URLSearchParams;
  /** The JSON body; undefined when there is none. */
  readonly body: unknown;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
}

export interface Answer {
  /** Sent as JSON; undefined for an empty body. */
  readonly json?: unknown;
  /** The change index of what was asked for. */
  readonly index?: number;
}

/** Answers what the table sends it; throws a RequestError. */
export type Handler = (request: ApiRequest) => Answer | Promise<Answer>;

/** By `METHOD /path`, or `METHOD /path/` where the rest of the path is an id. */
export type Handlers = readonly (readonly [string, Handler])[];
