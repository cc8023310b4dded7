/** Bytes and words that parsers of HTTP heads have fallen out over. */
export const HOSTILE_WORDS: readonly string[] = [
  ...['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ',', '_', '\x0b', '\x7f', '\x80', '/', '0', '+', 'chunked'],
];
