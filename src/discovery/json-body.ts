import { HeadgateError } from '../core/errors.ts';
import { isObject, type JsonObject } from '../core/json.ts';

/** No registry has reason to answer more: about 20,000 instances of one service. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Reads a body as JSON. Throws DISCOVERY_ANSWER when it is not JSON, half of it, or too long. */
export async function readJson(body: AsyncIterable<Buffer>): Promise<unknown> {
  return parseJson(await readWhole(body));
}

/** Reads a body. Throws DISCOVERY_ANSWER when it is too long. */
export async function readWhole(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BYTES) throw answerError(`answered with more than ${MAX_BYTES / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** Throws DISCOVERY_ANSWER when it is not JSON or half of it. */
export function parseJson(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    const start = JSON.stringify(text.slice(0, 60));
    throw answerError(`answered with something that is not whole JSON (${bytes.length} bytes, beginning ${start})`);
  }
}

/** Throws DISCOVERY_ANSWER, with `what` in the message, for anything but an object. */
export function asObject(value: unknown, what: string): JsonObject {
  if (isObject(value)) return value;
  throw answerError(`answered with something else than ${what}`);
}

export function answerError(message: string): HeadgateError {
  return new HeadgateError(message, { code: 'DISCOVERY_ANSWER', source: 'upstream' });
}

/** The beginning of an error's text, on one line. */
export async function excerpt(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length >= 200) break;
  }
  return text
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
