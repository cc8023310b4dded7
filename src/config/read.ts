import { createReadStream } from 'node:fs';
import { reasonOf } from '../core/errors.ts';
import type { Problem } from './problem.ts';

/** Largest configuration file, in bytes. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

export type ReadResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: Problem };

/** The text of a file, which may be a pipe. */
export async function readConfigFile(file: string): Promise<ReadResult> {
  try {
    const chunks: Buffer[] = [];
    // One byte more than allowed tells that there is more.
    for await (const chunk of createReadStream(file, { end: MAX_FILE_BYTES })) chunks.push(chunk as Buffer);
    return decode(Buffer.concat(chunks), file);
  } catch (error) {
    return fail(file, `cannot be read: ${reasonOf(error)}`, '');
  }
}

function decode(bytes: Buffer, file: string): ReadResult {
  if (bytes.length > MAX_FILE_BYTES) return fail(file, 'is too large', `at most ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return fail(file, 'is not UTF-8 text', '');
  }
}

function fail(file: string, message: string, hint: string): ReadResult {
  return { ok: false, problem: { file, line: 0, column: 0, path: '', message, hint } };
}
