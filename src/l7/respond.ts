import type { Rejection } from './head.ts';

/** An answer of our own, ready to be written but for the connection field. */
export interface Answer {
  readonly status: number;
  /** Stable, kebab-case: what the access log names as the cause. */
  readonly code: string;
  /** Start line and fields, without the end of the head. */
  readonly head: string;
  readonly body: string;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** `fields`: further field lines, each with its CRLF. */
export function answer(status: number, code: string, message: string, fields = ''): Answer {
  return customAnswer(status, code, 'application/json', `${JSON.stringify({ error_msg: message })}\n`, fields);
}

export function customAnswer(status: number, code: string, contentType: string, text: string, fields: string): Answer {
  const length = Buffer.byteLength(text);
  const head =
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\n` +
    `Content-Type: ${contentType}\r\nContent-Length: ${length}\r\n${fields}`;
  // What is written is latin1: bytes of the text, one character each.
  const body = length === text.length ? text : Buffer.from(text, 'utf8').toString('latin1');
  return { status, code, head, body };
}

export const NO_ROUTE = answer(404, 'no-route', 'no route matches the request');
export const REQUEST_TIMEOUT = answer(408, 'request-timeout', 'the request did not arrive in time');
export const BAD_BODY = answer(400, 'bad-body', 'the request body is malformed');
export const BODY_CUT_SHORT = answer(400, 'body-cut-short', 'the request ended before its body was complete');
export const INTERNAL_ERROR = answer(500, 'internal-error', 'the proxy failed to handle the request');
export const CONNECT_FAILED = answer(502, 'connect-failed', 'no connection to the service');
export const UPSTREAM_CLOSED = answer(502, 'upstream-closed', 'the service closed the connection before it answered');
export const BAD_RESPONSE = answer(502, 'bad-response', 'the service gave an invalid answer');
export const NO_NODE = answer(503, 'no-node', 'the service has no node');
export const OVERLOADED = answer(503, 'overloaded', 'the service has more to do than it can', 'Retry-After: 1\r\n');
export const CONNECT_TIMEOUT = answer(504, 'connect-timeout', 'the service did not accept a connection in time');
export const READ_TIMEOUT = answer(504, 'read-timeout', 'the service did not answer in time');
export const SEND_TIMEOUT = answer(504, 'send-timeout', 'the service did not take the request in time');

const rejections = new Map<string, Answer>();

/** Rejections come from a fixed list, so each answer is built once. */
export function rejectionAnswer(rejection: Rejection): Answer {
  const known = rejections.get(rejection.code);
  if (known) return known;
  const built = answer(rejection.status, rejection.code, rejection.message);
  rejections.set(rejection.code, built);
  return built;
}

/** The bytes of an answer. `minor` is the client's, and `withBody` is false for HEAD. */
export function answerText(answer: Answer, keepAlive: boolean, minor: 0 | 1, withBody: boolean): string {
  const connection = keepAlive ? (minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n';
  return `${answer.head}${connection}\r\n${withBody ? answer.body : ''}`;
}
