/**
 * Runs the test files and says plainly what was skipped and how to enable it.
 *
 *   node test/run.ts            everything but the long runs under test/soak
 *   node test/run.ts PATTERN…   the files whose path contains one of the patterns
 *
 * Files under test/waiting do little for long, and run beside the others from the start; they print at their end.
 *
 * The last line is `N passed, N failed` (and `, N skipped`). Exit code 1 on any failure; with CI=true also when a suite was
 * skipped that the gate provides for.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const here = import.meta.dirname;
const patterns = process.argv.slice(2);

function testFiles(): string[] {
  const all = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  const wanted = all.filter((file) =>
    patterns.length > 0 ? patterns.some((pattern) => `test/${file}`.includes(pattern)) : !file.startsWith('soak/'),
  );
  return wanted.sort().map((file) => join(here, file));
}

interface Skip {
  readonly name: string;
  readonly reason: string;
}

const files = testFiles();
if (files.length === 0) {
  console.error(`no test file matches ${patterns.join(', ')}`);
  process.exit(1);
}

const waits = (file: string) => file.includes('/waiting/');
const working = files.filter((file) => !waits(file));
const waiting = files.filter(waits);

let passed = 0;
let failed = 0;
let running = 0;
const skips: Skip[] = [];
const failures: string[] = [];

/** Runs files, so many at once; `print` gets what the reporter says. */
function start(files: readonly string[], concurrency: number, timeout: number, print: (text: string) => void): void {
  if (files.length === 0) return;
  running += 1;
  const stream = run({ files, concurrency, timeout });
  stream.on('test:pass', (event) => {
    if (event.skip !== undefined) {
      skips.push({ name: event.name, reason: typeof event.skip === 'string' ? event.skip : 'no reason given' });
    } else if (event.details.type !== 'suite') passed += 1;
  });
  stream.on('test:fail', (event) => {
    if (
      event.details.type === 'suite' &&
      (event.details.error as { failureType?: string }).failureType === 'subtestsFailed'
    )
      return;
    failed += 1;
    failures.push(`${event.file ? relative(process.cwd(), event.file) : ''}: ${event.name}`);
  });
  const report = stream.compose(new spec());
  report.on('data', (chunk: Buffer | string) => print(String(chunk)));
  report.on('end', () => {
    running -= 1;
    if (running === 0) setImmediate(summary);
  });
}

function summary(): void {
  process.stdout.write(waited);
  for (const failure of failures) console.log(`FAILED  ${failure}`);
  for (const { name, reason } of skips) console.log(`SKIPPED ${name}: ${reason}`);
  const skippedInCi = process.env.CI === 'true' && skips.length > 0;
  if (skippedInCi) {
    console.log('CI=true: a skipped suite counts as failed');
    failed += skips.length;
  }
  const rest = skips.length > 0 && !skippedInCi ? `, ${skips.length} skipped` : '';
  console.log(`${passed} passed, ${failed} failed${rest}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** A file that takes longer is stuck. */
const STUCK_MS = 240_000;
let waited = '';
const patience = STUCK_MS + Number(process.env.IDLE_SECONDS ?? 0) * 1000;
start(waiting, waiting.length, patience, (text) => (waited += text));
/** Long runs under test/soak end by themselves. */
const timeout = working.some((file) => file.includes('/soak/')) ? Number.POSITIVE_INFINITY : STUCK_MS;
start(working, Math.max(1, Math.min(4, availableParallelism())), timeout, (text) => process.stdout.write(text));
