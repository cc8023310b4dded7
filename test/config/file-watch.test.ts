import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { watchFile } from '../../src/config/file-watch.ts';
import { systemClock } from '../../src/core/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Fixture {
  readonly directory: string;
  readonly file: string;
  /** Resolves with the next change; a change that came before is kept for it. */
  changed(): Promise<void>;
}

/** A directory of its own with a watched `headgate.yaml`; `prepare` writes it and returns its path. */
function fixture(context: TestContext, prepare: (directory: string) => string = plainFile): Fixture {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-watch-'));
  const file = prepare(directory);
  let arrived = 0;
  let waiting: (() => void) | null = null;
  const watch = watchFile(file, systemClock, () => {
    if (!waiting) arrived += 1;
    waiting?.();
    waiting = null;
  });
  // The watch lets the process end; a test has to wait for it all the same.
  const alive = setInterval(() => {}, 1000);
  context.after(async () => {
    clearInterval(alive);
    await watch.close(0);
    rmSync(directory, { recursive: true, force: true });
  });
  const changed = () => {
    if (arrived === 0) return new Promise<void>((resolve) => (waiting = resolve));
    arrived -= 1;
    return Promise.resolve();
  };
  return { directory, file, changed };
}

function plainFile(directory: string): string {
  const file = join(directory, 'headgate.yaml');
  writeFileSync(file, 'first');
  return file;
}

test('a file that is written again', async (context) => {
  const { file, changed } = fixture(context);
  writeFileSync(file, 'second');
  await changed();
  writeFileSync(file, 'third');
  await changed();
});

test('a file that another one is moved onto, again and again', async (context) => {
  const { directory, file, changed } = fixture(context);
  for (const content of ['second', 'third', 'fourth']) {
    writeFileSync(join(directory, '.new'), content);
    renameSync(join(directory, '.new'), file);
    await changed();
  }
});

test('a file that an editor removes and writes anew', async (context) => {
  const { directory, file, changed } = fixture(context);
  renameSync(file, join(directory, 'headgate.yaml~'));
  writeFileSync(file, 'second');
  await changed();
});

test('a link in the same directory that is swapped, as Kubernetes does', async (context) => {
  const { directory, changed } = fixture(context, (home) => {
    mkdirSync(join(home, '..1'));
    writeFileSync(join(home, '..1/headgate.yaml'), 'first');
    symlinkSync('..1', join(home, '..data'));
    symlinkSync('..data/headgate.yaml', join(home, 'headgate.yaml'));
    return join(home, 'headgate.yaml');
  });
  for (const [old, fresh] of [
    ['..1', '..2'],
    ['..2', '..3'],
  ] as const) {
    mkdirSync(join(directory, fresh));
    writeFileSync(join(directory, fresh, 'headgate.yaml'), `content of ${fresh}`);
    symlinkSync(fresh, join(directory, '..tmp'));
    renameSync(join(directory, '..tmp'), join(directory, '..data'));
    rmSync(join(directory, old), { recursive: true });
    await changed();
  }
});

test('a file elsewhere that a link leads to', async (context) => {
  const { directory, changed } = fixture(context, (home) => {
    mkdirSync(join(home, 'real'));
    mkdirSync(join(home, 'seen'));
    writeFileSync(join(home, 'real/config'), 'first');
    symlinkSync('../real/config', join(home, 'seen/headgate.yaml'));
    return join(home, 'seen/headgate.yaml');
  });
  writeFileSync(join(directory, 'real/config'), 'second');
  await changed();
});

test('a file that comes only later, in a directory that comes only later', async (context) => {
  const { directory, changed } = fixture(context, (home) => join(home, 'later/headgate.yaml'));
  mkdirSync(join(directory, 'later'));
  writeFileSync(join(directory, 'later/headgate.yaml'), 'first');
  await changed();
});

test('a directory that goes and returns', async (context) => {
  const { directory, file, changed } = fixture(context, (home) => {
    mkdirSync(join(home, 'etc'));
    return plainFile(join(home, 'etc'));
  });
  rmSync(join(directory, 'etc'), { recursive: true });
  await changed();
  mkdirSync(join(directory, 'etc'));
  writeFileSync(file, 'second');
  await changed();
  writeFileSync(file, 'third');
  await changed();
});

test('a file in a directory where something is always written', { timeout: 60_000 }, async (context) => {
  const { directory, file, changed } = fixture(context);
  let line = 0;
  const noise = setInterval(() => writeFileSync(join(directory, 'access.log'), `${line++}`), 10);
  context.after(() => clearInterval(noise));
  writeFileSync(file, 'second');
  await changed();
});

/** A directory of its own with a `headgate.yaml` that is not watched yet, and time that stands still. */
function stillFixture(context: TestContext, prepare: (directory: string) => string = plainFile) {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-watch-'));
  context.after(() => rmSync(directory, { recursive: true }));
  return { directory, file: prepare(directory), clock: new FakeClock() };
}

/** Lets the system's report of an event arrive. */
async function reported(clock: FakeClock, timers: number): Promise<void> {
  while (clock.pending < timers) await turn();
}

test('several writes are one change, and what leaves the content as it was is none', async (context) => {
  const { directory, file, clock } = stillFixture(context);
  let changes = 0;
  const watch = watchFile(file, clock, () => (changes += 1));
  writeFileSync(file, 'half');
  await reported(clock, 2);
  assert.equal(changes, 0);
  writeFileSync(file, 'whole');
  clock.advance(2_000);
  assert.equal(changes, 1);
  writeFileSync(file, 'whole');
  writeFileSync(join(directory, 'neighbour'), 'x');
  clock.advance(10_000);
  assert.equal(changes, 1);
  await watch.close(0);
});

test('a change that the system does not report is found all the same', async (context) => {
  const { file, clock } = stillFixture(context);
  let changes = 0;
  const watch = watchFile(file, clock, () => (changes += 1));
  // No turn of the event loop, so no report of an event either.
  writeFileSync(file, 'second');
  clock.advance(2_000);
  assert.equal(changes, 1);
  await watch.close(0);
});

test('the directory that a link leads into is watched too', async (context) => {
  const { directory, file, clock } = stillFixture(context, (home) => {
    mkdirSync(join(home, 'real'));
    mkdirSync(join(home, 'seen'));
    plainFile(join(home, 'real'));
    symlinkSync('../real/headgate.yaml', join(home, 'seen/headgate.yaml'));
    return join(home, 'seen/headgate.yaml');
  });
  let changes = 0;
  const watch = watchFile(file, clock, () => (changes += 1));
  writeFileSync(join(directory, 'real/headgate.yaml'), 'second');
  await reported(clock, 2);
  clock.advance(100);
  assert.equal(changes, 1);
  await watch.close(0);
});

test('after it is closed a watch is silent and holds no timer', async (context) => {
  const { file, clock } = stillFixture(context);
  const watch = watchFile(file, clock, () => assert.fail('called after the close'));
  writeFileSync(file, 'second');
  await reported(clock, 2);
  await watch.close(0);
  await watch.close(0);
  assert.equal(clock.pending, 0);
  writeFileSync(file, 'third');
  clock.advance(60_000);
});

test('closing from within the report of a change', async (context) => {
  const { file, clock } = stillFixture(context);
  const watch = watchFile(file, clock, () => void watch.close(0));
  writeFileSync(file, 'second');
  clock.advance(2_000);
  assert.equal(clock.pending, 0);
});
