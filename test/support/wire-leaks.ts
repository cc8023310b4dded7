import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { until } from './plane.ts';

const DESCRIPTORS = '/proc/self/fd';

/** What the process holds open: descriptors where the system tells them, and what keeps the event loop alive. */
export interface Holdings {
  readonly descriptors: number;
  readonly sockets: number;
  readonly timers: number;
}

export function holdings(): Holdings {
  // Made when they are first used, by whatever reports the tests: then it had better be before the first count.
  void [process.stdout, process.stderr];
  const resources = process.getActiveResourcesInfo();
  const count = (pattern: RegExp): number => resources.filter((name) => pattern.test(name)).length;
  return {
    descriptors: existsSync(DESCRIPTORS) ? readdirSync(DESCRIPTORS).length : 0,
    sockets: count(/^(?:TCP|Pipe)/),
    timers: count(/^Timeout/),
  };
}

/** Waits until the process holds no more than `before`; the test's own time limit ends it otherwise. */
export async function backTo(before: Holdings): Promise<void> {
  const isBack = (): boolean => {
    const now = holdings();
    return now.sockets <= before.sockets && now.descriptors <= before.descriptors;
  };
  await until(isBack);
  assert.ok(holdings().timers <= before.timers + 1, 'no timer is left but the one that waited here');
}
