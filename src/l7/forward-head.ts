import { type Address, formatAddress } from '../core/address.ts';
import type { PlannedUpstream } from '../upstream/plan.ts';
import type { ClientForwarding } from './client-forwarding.ts';
import { Framing, type RequestHead, type ResponseHead } from './head.ts';

/** What the request head is made of besides the head that came in. May be reused by its owner. */
export interface OutboundRequest {
  /** Host that the node sees. */
  readonly authority: string;
  /** `head.target`, or what is left of it after a prefix is cut off. */
  readonly target: string;
  readonly forwarding: ClientForwarding;
}

type HostRule = Pick<PlannedUpstream, 'passHost' | 'upstreamHost'>;

/**
 * The head to send to a node, as text of which each character is one byte. The framing is written from what was parsed,
 * never copied: a body always has one (RFC 9112 §6.3), whatever the method is.
 */
export function buildRequestHead(head: RequestHead, out: OutboundRequest): string {
  const start = `${head.method} ${out.target} HTTP/1.1\r\nHost: ${out.authority}\r\n`;
  let end = out.forwarding.fields(head);
  if (head.framing === Framing.length) end += `Content-Length: ${head.contentLength}\r\n`;
  else if (head.framing === Framing.chunked) end += 'Transfer-Encoding: chunked\r\n';
  else if (expectsBody(head.method)) end += 'Content-Length: 0\r\n';
  if (head.teTrailers) end += 'TE: trailers\r\nConnection: TE\r\n';
  if (head.upgrade !== '') end += `Upgrade: ${head.upgrade}\r\nConnection: Upgrade\r\n`;
  return `${start}${head.fields}${end}\r\n`;
}

/** The Host that the node sees; `asked` is the client's, empty when it sent none. */
export function authorityFor({ passHost, upstreamHost }: HostRule, asked: string, node: Address): string {
  if (passHost === 'pass' && asked !== '') return asked;
  if (passHost === 'rewrite' && upstreamHost !== null) return upstreamHost;
  return formatAddress(node);
}

/** Methods whose meaning anticipates content: without any, they say so (RFC 9110 §8.6). */
function expectsBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

/** What the response head is made of besides the head that came in. May be reused by its owner. */
export interface OutboundResponse {
  readonly clientMinor: 0 | 1;
  /** As `clientFraming` says. */
  readonly framing: Framing;
  /** The connection to the client stays open; false whenever the framing is `close`. */
  readonly keepAlive: boolean;
  /** Field lines of our own, each with its CRLF. */
  readonly added: string;
}

/** How the body of a response is delimited towards the client: HTTP/1.0 has no chunks, HTTP/1.1 needs no close. */
export function clientFraming(head: ResponseHead, clientMinor: 0 | 1): Framing {
  if (head.framing !== Framing.chunked && head.framing !== Framing.close) return head.framing;
  return clientMinor === 1 ? Framing.chunked : Framing.close;
}

/** The head to send to the client, as text of which each character is one byte. */
export function buildResponseHead(head: ResponseHead, out: OutboundResponse): string {
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n${head.fields}${out.added}`;
  if (out.framing === Framing.chunked) text += 'Transfer-Encoding: chunked\r\n';
  else if (head.contentLength >= 0 && mayTellLength(head.status)) text += `Content-Length: ${head.contentLength}\r\n`;
  if (head.status === 101) return `${text}Upgrade: ${head.upgrade}\r\nConnection: Upgrade\r\n\r\n`;
  if (!out.keepAlive && head.status >= 200) return `${text}Connection: close\r\n\r\n`;
  return out.clientMinor === 0 ? `${text}Connection: keep-alive\r\n\r\n` : `${text}\r\n`;
}

/** RFC 9110 §8.6: never in 1xx and 204. */
function mayTellLength(status: number): boolean {
  return status >= 200 && status !== 204;
}
