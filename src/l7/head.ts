/**
 * What the stages after the parser know of a message's head. Objects are reused: one request head per client
 * connection, one response head per upstream connection.
 */

/** How a body is delimited on the wire (RFC 9112 §6.3). */
export const Framing = { none: 0, length: 1, chunked: 2, close: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

export interface HeadLimits {
  /** Bytes of the whole head, start line and final empty line included. */
  readonly maxBytes: number;
  readonly maxFields: number;
}

/** Why a head was refused: nothing of the message is forwarded, and the connection ends after the answer. */
export interface Rejection {
  /** Status to answer a client with: 400, 405, 414, 417, 431, 501, 505. A refused response head is a 502 to the client. */
  readonly status: number;
  /** Stable, kebab-case: counts in the metrics by this name. */
  readonly code: string;
  /** For people: what is wrong, with nothing of the client's input in it. */
  readonly message: string;
}

export class RequestHead {
  method = '';
  /** Origin-form to forward: normalised path, and the query as it came. */
  target = '';
  /** Normalised path without the query: what routes match. */
  path = '';
  /** `host[:port]` as the client named it, in Host or in an absolute-form target. Empty only for HTTP/1.0 without Host. */
  authority = '';
  /** Lower-case host without port or trailing dot: what routes match. */
  host = '';
  /** Minor version of HTTP/1.x. */
  minor: 0 | 1 = 1;
  /** `none`: no body, also when Content-Length is 0. Never `close`. */
  framing: Framing = Framing.none;
  /** Bytes of the body when `framing` is `length`, more than 0; otherwise 0. */
  contentLength = 0;
  /** The client allows another request on this connection. */
  keepAlive = true;
  expectContinue = false;
  /** `websocket` when the request asks for that upgrade in due form; otherwise empty. */
  upgrade = '';
  /** The client accepts trailer fields (`TE: trailers`). */
  teTrailers = false;
  /** End-to-end field lines as they came, each with its CRLF; without Host, framing, hop-by-hop and forwarding fields. */
  fields = '';
  /** Values as the client sent them, lists joined with ", "; used only if the client is trusted. */
  forwardedFor = '';
  forwardedProto = '';
  forwardedHost = '';
  forwardedPort = '';
  rejection: Rejection | null = null;

  /** Makes it that of no request: for an answer to something that was not one. */
  forget(): void {
    this.method = '';
    this.host = '';
    this.path = '';
    this.minor = 1;
    this.framing = Framing.none;
    this.keepAlive = false;
    this.forwardedFor = '';
  }
}

export class ResponseHead {
  status = 0;
  reason = '';
  minor: 0 | 1 = 1;
  framing: Framing = Framing.none;
  /** Bytes of the body when `framing` is `length`; with `none` what a body would have (HEAD, 304); -1 when not told. */
  contentLength = -1;
  /** The node allows another request on this connection. */
  keepAlive = true;
  /** Value of `Upgrade` on a 101, lower case. */
  upgrade = '';
  /** End-to-end field lines as they came, each with its CRLF; without framing and hop-by-hop fields. */
  fields = '';
  rejection: Rejection | null = null;
}
