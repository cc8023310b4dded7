import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './api-request.ts';
import { RequestError } from './request-error.ts';

const BODY_LIMIT = 1_048_576;
/** A body above the limit is read on up to here, since a client that is still sending would not see the answer. */
const DISCARD_LIMIT = 16 * BODY_LIMIT;

/** Reads a JSON body of at most 1 MiB whatever its Content-Type, as Consul does; undefined when there is none. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > DISCARD_LIMIT) break;
    if (size <= BODY_LIMIT) chunks.push(chunk);
  }
  if (size > BODY_LIMIT) throw new RequestError(413, 'the body is larger than 1 MiB');
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new RequestError(400, `Request decode failed: the body is not JSON: ${(error as Error).message}`);
  }
}

/** Sends an answer in Consul's manner: JSON, indented when `?pretty` is asked for, with the index in a header. */
export function sendAnswer(response: ServerResponse, answer: Answer, pretty: boolean): void {
  if (answer.index !== undefined) {
    response.setHeader('X-Consul-Index', String(answer.index));
    response.setHeader('X-Consul-KnownLeader', 'true');
    response.setHeader('X-Consul-LastContact', '0');
  }
  if (answer.json === undefined) {
    response.writeHead(200, { 'Content-Length': '0' }).end();
    return;
  }
  const body = Buffer.from(JSON.stringify(answer.json, null, pretty ? 4 : undefined) + (pretty ? '\n' : ''));
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }).end(body);
}

/** Sends an error as plain text, one line. */
export function sendError(response: ServerResponse, status: number, message: string): void {
  const body = Buffer.from(`${message}\n`);
  response
    .writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': String(body.length) })
    .end(body);
}
