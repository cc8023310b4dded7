import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Decides about requests that change something. */
export type KeyGuard = (request: IncomingMessage) => { readonly status: 401 | 403; readonly message: string } | null;

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Changes need the configured key, in the field `X-API-KEY` as in APISIX. Without a configured key nothing can be changed.
 * The comparison takes the same time for every wrong key.
 */
export function createKeyGuard(key: string | null): KeyGuard {
  if (key === null) {
    return () => ({
      status: 403,
      message: 'nothing can be changed here: set admin.key in the configuration to allow it',
    });
  }
  const expected = digest(key);
  return (request) => {
    const given = request.headers['x-api-key'];
    const matches = typeof given === 'string' && timingSafeEqual(digest(given), expected);
    return matches ? null : { status: 401, message: 'send the admin key in the field X-API-KEY' };
  };
}
