import type { Random } from '../../src/core/random.ts';
import type { RawClient } from './raw-client.ts';

/** Up to here a message is sent in single bytes; a longer one in stretches. */
const BYTES = 700;

/** Cuts `text` at random places, into single bytes when it is short. */
export function pieces(text: string, random: Random): string[] {
  const parts: string[] = [];
  const longest = text.length <= BYTES ? 1 : Math.ceil(text.length / 20);
  for (let at = 0; at < text.length; ) {
    const length = 1 + random.below(longest);
    parts.push(text.slice(at, at + length));
    at += length;
  }
  return parts;
}

/** Writes the pieces one after the other, each in a turn of the event loop of its own. */
export async function drip(client: RawClient, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    if (client.end !== null) return;
    client.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
