import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';
import { JsonAccessLog } from '../../src/telemetry/access-log.ts';
import { accessEntry } from '../support/access-entry.ts';
import { RecordingLog } from '../support/recording-log.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-access-log-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const soon = () => systemClock.now() + 5000;

async function paths(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).path);
}

test('appends lines to a file that only its owner and group may read', async () => {
  const file = join(folder, 'plain.log');
  for (const path of ['/1', '/2']) {
    const log = await JsonAccessLog.open({ destination: file, clock: systemClock, log: silentLog });
    log.record(accessEntry({ path }));
    await log.close(soon());
    assert.equal(log.dropped, 0);
  }
  assert.deepEqual(await paths(file), ['/1', '/2']);
  assert.equal((await stat(file)).mode & 0o007, 0);
});

test('several writers share a file without tearing lines', async () => {
  const file = join(folder, 'shared.log');
  const logs = await Promise.all(
    [0, 1, 2].map(() => JsonAccessLog.open({ destination: file, clock: systemClock, log: silentLog })),
  );
  const count = 3000;
  for (let index = 0; index < count; index++) {
    for (const [writer, log] of logs.entries()) log.record(accessEntry({ path: `/${writer}/${index}` }));
    if (index % 300 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(logs.map((log) => log.close(soon())));
  const seen = await paths(file);
  assert.equal(seen.length + logs.reduce((total, log) => total + log.dropped, 0), 3 * count);
  assert.equal(new Set(seen).size, 3 * count);
});

test('after a rotation, lines go to a new file', async () => {
  const file = join(folder, 'rotated.log');
  const told = new RecordingLog();
  const log = await JsonAccessLog.open({ destination: file, clock: systemClock, log: told });
  log.record(accessEntry({ path: '/before' }));
  log.reopen();
  while (told.names.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await rename(file, `${file}.1`);
  log.reopen();
  while (told.names.length === 1) await new Promise((resolve) => setImmediate(resolve));
  log.record(accessEntry({ path: '/after' }));
  await log.close(soon());
  assert.deepEqual(await paths(`${file}.1`), ['/before']);
  assert.deepEqual(await paths(file), ['/after']);
});

test('a full disk costs lines, which are counted and reported once', async () => {
  const told = new RecordingLog();
  const log = await JsonAccessLog.open({ destination: '/dev/full', clock: systemClock, log: told });
  for (let index = 0; index < 1000; index++) log.record(accessEntry());
  await log.close(soon());
  assert.equal(log.dropped, 1000);
  assert.deepEqual(told.names, ['access-log.write-failed']);
  assert.match(told.events[0]!.message, /ENOSPC/);
});

test('a reader that stands still costs lines above the limit and never a wait', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = await open(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const told = new RecordingLog();
  const log = await JsonAccessLog.open({ destination: pipe, clock: systemClock, log: told, limit: 256 * 1024 });
  for (let index = 0; index < 10_000; index++) log.record(accessEntry({ path: `/${index}` }));
  assert.ok(log.dropped > 5000);
  assert.deepEqual(told.names, ['access-log.overflow']);
  await log.close(systemClock.now() + 200);
  const buffer = Buffer.alloc(1024 * 1024);
  const { bytesRead } = await reader.read(buffer);
  await reader.close();
  const lines = buffer.toString('latin1', 0, bytesRead).trimEnd().split('\n');
  for (const [index, line] of lines.entries()) assert.equal(JSON.parse(line).path, `/${index}`);
  assert.equal(lines.length + log.dropped, 10_000);
});

test('a reader that goes away costs lines and nothing else', async () => {
  const pipe = join(folder, 'broken-pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = await open(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const told = new RecordingLog();
  const log = await JsonAccessLog.open({ destination: pipe, clock: systemClock, log: told });
  await reader.close();
  log.record(accessEntry());
  await log.close(soon());
  assert.equal(log.dropped, 1);
  assert.deepEqual(told.names, ['access-log.write-failed']);
  assert.match(told.events[0]!.message, /EPIPE/);
});

test('a file that cannot be opened is named, with what to do', async () => {
  const destination = join(folder, 'missing', 'access.log');
  await assert.rejects(JsonAccessLog.open({ destination, clock: systemClock, log: silentLog }), (error) => {
    assert.ok(error instanceof HeadgateError);
    assert.equal(error.code, 'ACCESS_LOG_OPEN');
    assert.match(error.message, /missing\/access\.log can't be opened: .*ENOENT.*; name a file/);
    return true;
  });
});
