import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../support/access-log-child.ts', import.meta.url));

class Child {
  readonly process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(t: TestContext, command: string, args: readonly string[]) {
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#answers = createInterface({ input: this.process.stderr! })[Symbol.asyncIterator]();
    t.after(() => this.process.kill('SIGKILL'));
  }

  /** Sends a command; resolves with the number of lines dropped so far. */
  async tell(command: string): Promise<number> {
    this.process.stdin!.write(`${command}\n`);
    const { value } = await this.#answers.next();
    const [name, dropped] = String(value).split(' ');
    assert.equal(name, command.split(' ')[0], String(value));
    return Number(dropped);
  }
}

const pathsOf = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).path);

test('standard output that nobody reads holds up neither requests nor the end', async (t) => {
  const child = new Child(t, process.execPath, [SCRIPT, 'stdout']);
  const stdout = child.process.stdout!;
  let output = '';
  // Node reads the rest of a child's output when the child is gone: the first thing that is read here.
  stdout.setEncoding('latin1').on('data', (chunk: string) => {
    output += chunk;
  });
  stdout.pause();
  const exited = once(child.process, 'close');
  assert.ok((await child.tell('record 0 30000')) > 0);
  const dropped = await child.tell('end');
  assert.deepEqual(await exited, [0, null]);
  const lines = output.trimEnd().split('\n');
  assert.equal(lines.length + dropped, 30_000);
  assert.deepEqual(
    pathsOf(lines),
    lines.map((_, index) => `/${index}`),
  );
});

test('a line that was cut by a full disk does not spoil the one after it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-torn-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'access.log');
  // A limit on the file's size acts like a disk that is full: the write that meets it is cut short.
  const script = 'ulimit -f 16 && exec "$0" "$@"';
  const child = new Child(t, 'sh', ['-c', script, process.execPath, SCRIPT, file]);
  await child.tell('record 0 100');
  while ((await child.tell('dropped')) === 0) await wait(20);
  await truncate(file, 100);
  await child.tell('record 100 3');
  while ((await stat(file)).size === 100) await wait(20);
  await child.tell('end');
  const [torn = '', ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  assert.equal(torn.length, 100);
  assert.deepEqual(pathsOf(lines), ['/100', '/101', '/102']);
});
