import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { node, nodes } from '../support/nodes.ts';
import { RecordingLog } from '../support/recording-log.ts';

const WEB = { source: 'consul', service: 'web', args: {} };
const BLUE = { source: 'consul', service: 'web', args: { tag: 'blue' } };
const DAY_MS = 24 * 3600_000;

describe('the cache of last good sets', { timeout: 30_000 }, () => {
  let clock: FakeClock;
  let log: RecordingLog;
  let directory: string;

  beforeEach(async () => {
    clock = new FakeClock();
    log = new RecordingLog();
    directory = await mkdtemp(join(tmpdir(), 'headgate-cache-'));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function open(path: string | null = directory): Promise<LastGoodCache> {
    const cache = new LastGoodCache(path, clock, log);
    await cache.load();
    return cache;
  }

  function far(): number {
    return clock.now() + 10_000;
  }

  /** Waits until the file says that the set was confirmed at this time. */
  async function written(at: number): Promise<void> {
    for (;;) {
      const text = await readFile(file(), 'utf8').catch(() => '{}');
      if (JSON.parse(text).sets?.[0]?.at === at) return;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  const file = () => join(directory, 'discovery-consul.json');

  it('gives back what an earlier run knew', async () => {
    const earlier = await open();
    const members = [node('10.0.0.1', 80, { weight: 3, tags: ['a'], metadata: { zone: 'z' } })];
    earlier.putNodes(WEB, members);
    earlier.putNodes(BLUE, nodes(2));
    earlier.putCatalog('consul', [{ service: 'web', tags: ['t'] }]);
    await earlier.close(far());
    const cache = await open();
    assert.deepEqual(cache.nodes(WEB), { members, at: clock.wall(), expired: false });
    assert.equal(cache.nodes(BLUE)?.members.length, 2);
    assert.deepEqual(cache.catalog('consul')?.members, [{ service: 'web', tags: ['t'] }]);
    assert.equal(cache.nodes({ ...WEB, service: 'db' }), null);
    assert.equal(cache.catalog('dns'), null);
    assert.deepEqual(log.events, []);
    assert.deepEqual(await readdir(directory), ['discovery-consul.json']);
  });

  it('flags what is older than a day', async () => {
    const earlier = await open();
    earlier.putNodes(WEB, nodes(1));
    await earlier.close(far());
    clock.advance(DAY_MS);
    assert.equal((await open()).nodes(WEB)?.expired, false);
    clock.advance(1);
    assert.equal((await open()).nodes(WEB)?.expired, true);
  });

  it('takes an empty set for nothing known, and forgets what is not wanted', async () => {
    const earlier = await open();
    earlier.putNodes(WEB, []);
    earlier.putNodes(BLUE, nodes(1));
    earlier.forgetNodes(BLUE);
    earlier.putCatalog('consul', [{ service: 'web', tags: [] }]);
    earlier.forgetCatalog('consul');
    await earlier.close(far());
    const cache = await open();
    assert.equal(cache.nodes(WEB), null);
    assert.equal(cache.nodes(BLUE), null);
    assert.equal(cache.catalog('consul'), null);
  });

  it('writes a second after a change, and ten minutes after one that only confirms, whichever is first', async () => {
    const cache = await open();
    const members = nodes(1);
    cache.putNodes(WEB, members);
    const changedAt = clock.wall();
    clock.advance(999);
    assert.equal(clock.pending, 1);
    clock.advance(1);
    assert.equal(clock.pending, 0);
    await written(changedAt);
    cache.putNodes(WEB, members);
    const confirmedAt = clock.wall();
    clock.advance(599_999);
    assert.equal(clock.pending, 1);
    clock.advance(1);
    assert.equal(clock.pending, 0);
    await written(confirmedAt);
    cache.putNodes(WEB, members);
    clock.advance(5_000);
    cache.putNodes(WEB, nodes(2));
    const nextAt = clock.wall();
    clock.advance(1_000);
    await written(nextAt);
    await cache.close(far());
  });

  it('ignores files that it can not use, and says which', async () => {
    const good = { format: 'headgate last good sets', version: 1, sets: [], catalog: null };
    const damaged = { query: WEB, nodes: [{ host: 'a b', port: 80 }], at: 1 };
    const bad = [
      '',
      '{"format":"headgate last',
      'null',
      '[]',
      '{"format":"another"}',
      JSON.stringify({ ...good, version: 2 }),
      JSON.stringify({ ...good, sets: {} }),
      JSON.stringify({ ...good, sets: [damaged] }),
      JSON.stringify({ ...good, sets: [{ ...damaged, nodes: [node('a', 70_000)] }] }),
      JSON.stringify({ ...good, sets: [{ ...damaged, nodes: [], query: { ...WEB, args: { tag: 5 } } }] }),
      JSON.stringify({ ...good, catalog: { at: 1, entries: [{ service: 'a', tags: 'b' }] } }),
    ];
    for (const text of bad) {
      await writeFile(file(), text);
      const cache = await open();
      assert.equal(cache.nodes(WEB), null);
      const told = log.events.pop();
      assert.equal(told?.event, 'discovery.cache-ignored', text);
      assert.ok(told?.message.includes(file()));
      cache.putNodes(WEB, nodes(1));
      await cache.close(far());
      assert.equal((await open()).nodes(WEB)?.members.length, 1, 'a good file replaces it');
    }
    await writeFile(join(directory, 'notes.txt'), 'x');
    await open();
    assert.deepEqual(log.events, []);
  });

  it('warns once where it can not write, and works on', async () => {
    const blocked = join(directory, 'file');
    await writeFile(blocked, '');
    const cache = await open(join(blocked, 'state'));
    for (let round = 0; round < 3; round++) {
      cache.putNodes(WEB, nodes(round + 1));
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await cache.close(far());
    assert.deepEqual(log.names, ['discovery.cache-failed']);
    assert.match(log.events[0]!.message, /state directory .*can't be used: .*ENOTDIR/);
  });

  it('warns again when writing fails after it had worked', async () => {
    const cache = await open();
    await mkdir(file());
    cache.putNodes(WEB, nodes(1));
    await cache.close(far());
    assert.deepEqual(log.names, ['discovery.cache-failed']);
    assert.match(log.events[0]!.message, /can't be written/);
  });

  it('keeps nothing without a directory', async () => {
    const cache = await open(null);
    cache.putNodes(WEB, nodes(1));
    cache.putCatalog('consul', []);
    assert.equal(clock.pending, 0);
    await cache.close(far());
  });

  it('does not wait for a disk that hangs longer than the deadline', async () => {
    const cache = await open();
    cache.putNodes(WEB, nodes(1));
    await cache.close(clock.now());
    await cache.close(clock.now());
  });
});
