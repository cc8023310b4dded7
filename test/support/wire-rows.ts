/** A request head and body that the node must get, but for what the proxy says of the client. */
export interface Sent {
  /** Method and target. */
  readonly line: string;
  /** Null: the client named none, and the node is given its own address. */
  readonly host: string | null;
  /** Field lines of the client's that go on. */
  readonly fields: string;
  /** Field lines that the proxy puts behind its own. */
  readonly tail: string;
  readonly body: string;
}

/** A raw request and all that may come of it. */
export interface WireRow {
  readonly name: string;
  readonly raw: string;
  readonly status: number;
  /** The connection ends with the answer. */
  readonly closes: boolean;
  /** What the node gets; null for nothing. With `isCut` it may get less, and never the whole. */
  readonly sent: Sent | null;
  /** The head is good and the body is not: the node's connection is cut before the request is whole. */
  readonly isCut: boolean;
}

/** A GET of `/` with these field lines, each without CR LF, besides Host. */
export function get(...fields: string[]): string {
  return `GET / HTTP/1.1\r\nHost: t\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
}

export function post(...fields: string[]): string {
  return `POST${get(...fields).slice(3)}`;
}

/** A request with this method and target, as text between them and the version. */
export function line(text: string): string {
  return `${text} HTTP/1.1\r\nHost: t\r\n\r\n`;
}

export function chunked(body: string, ...fields: string[]): string {
  return post('Transfer-Encoding: chunked', ...fields) + body;
}

export function refused(status: number, name: string, raw: string): WireRow {
  return { name, raw, status, closes: true, sent: null, isCut: false };
}

/** A request about the server itself, which no route is for. */
export function unrouted(name: string, raw: string): WireRow {
  return { name, raw, status: 404, closes: false, sent: null, isCut: false };
}

/** `sent`: what differs from a GET of `/` for host `t` with nothing besides. */
export function served(name: string, raw: string, sent: Partial<Sent> = {}): WireRow {
  const whole = { line: 'GET /', host: 't', fields: '', tail: '', body: '', ...sent };
  return { name, raw, status: 200, closes: false, sent: whole, isCut: false };
}

/** Served, and the connection ends. */
export function last(name: string, raw: string, sent: Partial<Sent> = {}): WireRow {
  return { ...served(name, raw, sent), closes: true };
}

/** A body that turns out to be wrong behind `sent`. */
export function cut(name: string, raw: string, sent: Partial<Sent>): WireRow {
  return { ...served(name, raw, sent), status: 400, closes: true, isCut: true };
}

/** The bytes of `sent` as they leave a proxy that listens on `port`, towards the node at `node`. */
export function bytesOf(sent: Sent, port: number, node: string): string {
  const forwarded = `X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: ${port}\r\nX-Real-IP: 127.0.0.1\r\n`;
  const host = sent.host === null ? '' : `X-Forwarded-Host: ${sent.host}\r\n`;
  return `${sent.line} HTTP/1.1\r\nHost: ${sent.host ?? node}\r\n${sent.fields}${forwarded}${host}${sent.tail}\r\n${sent.body}`;
}
