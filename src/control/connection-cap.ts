import { readFileSync } from 'node:fs';

/** Descriptors for everything but proxied connections: listeners, registries, probes, logs, the runtime's own. */
const RESERVE = 256;
const FALLBACK = 65_536;

/** Soft limit of open files, which Node has raised to the hard limit at its start. */
function openFileLimit(): number {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return line?.[1] === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(line?.[1] ?? FALLBACK);
  } catch {
    return FALLBACK;
  }
}

/**
 * Client connections that each listener of each worker may hold, so that the process never runs out of descriptors: a
 * connection needs one for itself and one for its node.
 */
export function connectionCap(workers: number, listeners: number): number {
  const pairs = (openFileLimit() - RESERVE) / 2;
  return Math.max(8, Math.min(1_000_000, Math.floor(pairs / (workers * Math.max(1, listeners)))));
}
