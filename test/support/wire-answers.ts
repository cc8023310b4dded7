import { FIN, RESET, type Step } from './wire-node.ts';

/** What the client must see, and what becomes of the two connections. */
export interface AnswerRow {
  readonly name: string;
  /** The request, without the end of its head. */
  readonly ask: string;
  readonly steps: readonly Step[];
  /** Every byte that the client gets; with `rechunked` all but the body. */
  readonly seen: string;
  /** The body that the client gets in chunks of the proxy's own making. */
  readonly rechunked: string | null;
  /** `open`: the client's connection can be used again. After a reset the client may have seen less. */
  readonly end: 'open' | 'fin' | 'reset';
  /** The node's connection is used again. */
  readonly reused: boolean;
}

export const GET = 'GET /row HTTP/1.1\r\nHost: t\r\n';
export const GET10 = 'GET /row HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\n';
export const HEAD = 'HEAD /row HTTP/1.1\r\nHost: t\r\n';

function own(status: string, message: string): string {
  const body = `{"error_msg":"${message}"}\n`;
  return `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

export const BAD = own('502 Bad Gateway', 'the service gave an invalid answer');
export const CLOSED = own('502 Bad Gateway', 'the service closed the connection before it answered');

interface More {
  readonly ask?: string;
  readonly end?: AnswerRow['end'];
  readonly reused?: boolean;
  readonly rechunked?: string;
}

/** Passed on: the client sees `seen`, and both connections are kept. */
export function passed(name: string, steps: string | readonly Step[], seen: string, more: More = {}): AnswerRow {
  const { ask = GET, end = 'open', reused = true, rechunked = null } = more;
  return { name, ask, steps: typeof steps === 'string' ? [steps] : steps, seen, rechunked, end, reused };
}

/** Passed on, and the node's connection ends. */
export function once(name: string, steps: string | readonly Step[], seen: string, more: More = {}): AnswerRow {
  return passed(name, steps, seen, { ...more, reused: false });
}

/** Refused: the client gets a 502 and keeps its connection, the node loses its own. */
export function bad(name: string, steps: string | readonly Step[], ask = GET): AnswerRow {
  return once(name, steps, BAD, { ask });
}

/** Cut short: the client must not take what it got for the whole. */
export function broken(name: string, steps: readonly Step[], seen: string, ask = GET): AnswerRow {
  return once(name, steps, seen, { ask, end: 'reset' });
}

/** One row for each way in which a node can go away. */
export function goneBy(row: (name: string, end: Step) => AnswerRow): AnswerRow[] {
  return [row('FIN', FIN), row('RST', RESET)];
}
