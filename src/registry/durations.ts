const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1e3],
  ['m', 6e4],
  ['h', 3.6e6],
]);

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Reads a duration as Go writes it (`10s`, `1m30s`, `1.5h`, `0`) and returns milliseconds; null when it is none. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  if (text.length === 0 || text.length > 64) return null;
  let total = 0;
  let at = 0;
  while (at < text.length) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (!match) return null;
    total += Number(match[1]) * (UNIT_MS.get(match[2] ?? '') ?? Number.NaN);
    at = PART.lastIndex;
  }
  return Number.isFinite(total) ? total : null;
}

/** Writes milliseconds as Go writes a duration: `1m30s`, `10s`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms <= 0) return '0s';
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3.6e6);
  const minutes = Math.floor((ms % 3.6e6) / 6e4);
  const seconds = Number(((ms % 6e4) / 1e3).toFixed(3));
  const tail = `${seconds}s`;
  if (hours > 0) return `${hours}h${minutes}m${tail}`;
  return minutes > 0 ? `${minutes}m${tail}` : tail;
}
