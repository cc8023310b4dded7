import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../support/event-log-child.ts', import.meta.url));

function start(mode: string, count: number, stdout: 'pipe' | number = 'pipe'): ChildProcess {
  return spawn(process.execPath, [SCRIPT, mode, String(count)], { stdio: ['pipe', stdout, 'pipe'] });
}

function checkLines(output: string, count: number): void {
  const messages = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).message);
  assert.equal(messages.length, count);
  assert.deepEqual([messages[0], messages.at(-1)], ['line 0', `line ${count - 1}`]);
}

for (const mode of ['exit', 'throw', 'close']) {
  test(`every line arrives through a pipe when the process ends by ${mode}`, async () => {
    const child = start(mode, mode === 'close' ? 100 : 4000);
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'close'),
    ]);
    checkLines(output, mode === 'close' ? 100 : 4000);
    assert.match(errors, /^dropped 0$/m);
    assert.equal(code, mode === 'throw' ? 1 : 0);
  });
}

test('every line arrives in a file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-events-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = await open(join(folder, 'events.log'), 'w');
  const child = start('exit', 4000, file.fd);
  const [errors] = await Promise.all([text(child.stderr!), once(child, 'close')]);
  await file.close();
  assert.match(errors, /^dropped 0$/m);
  checkLines(await readFile(join(folder, 'events.log'), 'utf8'), 4000);
});

test('a reader that stands still does not keep the process from ending', async () => {
  const child = start('close', 8000);
  const [errors] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
  assert.ok(Number(/^dropped (\d+)$/m.exec(errors)?.[1]) > 0, 'what nobody read is counted');
  child.stdout!.destroy();
});

test('a reader that goes away does not end the process', async () => {
  const child = start('linger', 10);
  await once(child.stdout as Readable, 'data');
  child.stdout!.destroy();
  await once(child.stdout!, 'close');
  child.stdin!.write('go on\n');
  const [errors, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
  assert.match(errors, /^dropped [1-9]/m);
  assert.equal(code, 0);
});
