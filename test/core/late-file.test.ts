import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LateFile } from '../../src/core/late-file.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('LateFile', () => {
  let clock: FakeClock;
  let directory: string;
  let state: string;
  let failures: number;

  const open = (path = join(directory, 'deep', 'state.json')) =>
    new LateFile({ path, clock, encode: () => state, onFailure: () => (failures += 1) });
  const written = () => readFile(join(directory, 'deep', 'state.json'), 'utf8').catch(() => null);

  beforeEach(async () => {
    clock = new FakeClock();
    directory = await mkdtemp(join(tmpdir(), 'headgate-late-'));
    state = 'one';
    failures = 0;
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('writes after the delay what is the state then, and leaves nothing beside it', async () => {
    const file = open();
    file.dirty(1000);
    clock.advance(999);
    assert.equal(clock.pending, 1);
    state = 'two';
    clock.advance(1);
    await file.close(clock.now());
    assert.equal(await written(), 'two');
    assert.deepEqual(await readdir(join(directory, 'deep')), ['state.json']);
  });

  it('takes the earlier of two delays', () => {
    const file = open();
    file.dirty(5000);
    file.dirty(100);
    file.dirty(9000);
    assert.equal(clock.pending, 1);
    clock.advance(100);
    assert.equal(clock.pending, 0);
  });

  it('writes what is left when it closes, and nothing when there is nothing', async () => {
    const quiet = open();
    await quiet.close(clock.now());
    assert.equal(await written(), null);
    const file = open();
    file.dirty(1000);
    await file.close(clock.now());
    assert.equal(await written(), 'one');
    file.dirty(1);
    assert.equal(clock.pending, 0, 'a closed one writes no more');
  });

  it('reports a failure once, and again only after a success', async () => {
    const blocked = join(directory, 'blocked');
    await writeFile(blocked, '');
    const file = open(join(blocked, 'state.json'));
    for (let attempt = 0; attempt < 3; attempt++) {
      file.dirty(1);
      await clock.run(1);
    }
    await rm(blocked);
    file.dirty(1);
    await clock.run(1);
    await file.close(clock.now());
    assert.equal(failures, 1);
    assert.equal(await readFile(join(blocked, 'state.json'), 'utf8'), 'one');
  });
});
