import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export const MIB = 1024 * 1024;

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** What `read` gives, in bytes, when it has stopped growing. */
export async function settled(read: () => number): Promise<number> {
  for (let before = read(); ; ) {
    await pause(1000);
    const now = read();
    if (Math.abs(now - before) < MIB / 4) return now;
    before = now;
  }
}

/** Memory of a process when it has stopped growing. Linux only. */
export async function settledBytes(pid: number): Promise<number> {
  return settled(() => residentBytes(pid));
}
