import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';

it('the example runs, and no request fails when a server stops', async () => {
  const example = join(import.meta.dirname, '../../examples/library.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [example], { timeout: 30_000 });
  const answers = stdout.trim().split('\n');
  assert.equal(answers.length, 6);
  assert.deepEqual(
    answers.slice(3).map((line) => line.split(' ')[1]),
    ['second', 'second', 'second'],
  );
});
