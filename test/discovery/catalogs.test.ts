import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Catalog, Catalogs } from '../../src/discovery/catalogs.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import type { CatalogEntry } from '../../src/discovery/types.ts';
import { DEFAULT_GUARD } from '../support/discovery-defaults.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeDiscovery, outage } from '../support/fake-discovery.ts';
import { RecordingLog } from '../support/recording-log.ts';

function entries(count: number): CatalogEntry[] {
  return Array.from({ length: count }, (_, index) => ({ service: `s${index}`, tags: [`headgate.path=/${index}`] }));
}

describe('catalogues', () => {
  let clock: FakeClock;
  let log: RecordingLog;
  let fake: FakeDiscovery;
  let cache: LastGoodCache;
  let catalogs: Catalogs;
  let told: Catalog[];

  beforeEach(async () => {
    clock = new FakeClock();
    log = new RecordingLog();
    fake = new FakeDiscovery();
    cache = new LastGoodCache(null, clock, log);
    const bare = { type: 'bare', watch: fake.watch };
    const discoveries = new Map([
      ['fake', fake],
      ['bare', bare],
    ]);
    catalogs = new Catalogs({ discoveries, guard: DEFAULT_GUARD, cache, clock, log });
    told = [];
    catalogs.onChange((catalog) => told.push(catalog));
  });

  afterEach(() => catalogs.close(clock.now() + 1));

  async function want(...sources: string[]): Promise<void> {
    catalogs.want(sources);
    await settle();
  }

  it('follow their source', async () => {
    await want('fake');
    fake.catalog!.set(entries(2));
    clock.advance(1000);
    fake.catalog!.set([...entries(2).slice(1), { service: 's0', tags: ['other'] }]);
    assert.deepEqual(
      told.map((catalog) => [catalog.state, catalog.version, catalog.entries.map((entry) => entry.tags[0])]),
      [
        ['ok', 1, ['headgate.path=/0', 'headgate.path=/1']],
        ['ok', 2, ['other', 'headgate.path=/1']],
      ],
    );
  });

  it('give the last service up at once, but hold it after an outage', async () => {
    await want('fake');
    fake.catalog!.set(entries(1));
    clock.advance(60_000);
    fake.catalog!.set([]);
    assert.deepEqual(catalogs.get('fake')?.entries, []);
    clock.advance(60_000);
    fake.catalog!.set(entries(1));
    fake.catalog!.fail(outage());
    assert.equal(catalogs.get('fake')?.state, 'stale');
    fake.catalog!.set([]);
    assert.equal(catalogs.get('fake')?.state, 'held');
    assert.equal(catalogs.get('fake')?.entries.length, 1);
    assert.equal(catalogs.release('fake'), true);
    assert.equal(catalogs.get('fake')?.entries.length, 0);
  });

  it('hold each service that is missing after an outage, until all are back or the time is over', async () => {
    await want('fake');
    fake.catalog!.set(entries(3));
    fake.catalog!.fail(outage());
    fake.catalog!.set([...entries(2), { service: 'new', tags: [] }]);
    assert.equal(catalogs.get('fake')?.state, 'held');
    assert.match(
      catalogs.get('fake')?.reason ?? '',
      /^3 → 3 services after the source could not be asked; held until /,
    );
    assert.deepEqual(
      catalogs.get('fake')?.entries.map(({ service }) => service),
      ['new', 's0', 's1', 's2'],
    );
    clock.advance(1000);
    fake.catalog!.set(entries(3).slice(1));
    assert.equal(catalogs.get('fake')?.state, 'held');
    clock.advance(1000);
    fake.catalog!.set(entries(3));
    assert.deepEqual([catalogs.get('fake')?.state, catalogs.get('fake')?.entries.length], ['ok', 3]);
    fake.catalog!.fail(outage());
    fake.catalog!.set(entries(2));
    clock.advance(60_000);
    assert.deepEqual([catalogs.get('fake')?.state, catalogs.get('fake')?.entries.length], ['ok', 2]);
  });

  it('hold when three services or more vanish at once', async () => {
    await want('fake');
    fake.catalog!.set(entries(3));
    clock.advance(60_000);
    fake.catalog!.set([]);
    assert.equal(catalogs.get('fake')?.state, 'held');
    clock.advance(60_000);
    assert.deepEqual(catalogs.get('fake')?.entries, []);
  });

  it('come from the cache at the start, so that routes are there while the registry is down', async () => {
    cache.putCatalog('fake', entries(2));
    await want('fake');
    assert.equal(catalogs.get('fake')?.cached, true);
    assert.equal(catalogs.get('fake')?.entries.length, 2);
    fake.catalog!.fail(outage());
    assert.equal(catalogs.all()[0]?.entries.length, 2);
    fake.catalog!.set(entries(2));
    assert.equal(catalogs.get('fake')?.cached, false);
  });

  it('fail for a source that can not list its services', async () => {
    await want('bare');
    assert.equal(catalogs.get('bare')?.state, 'failed');
    assert.match(catalogs.get('bare')?.reason ?? '', /can't list its services/);
  });

  it('stop when they are not wanted any more', async () => {
    await want('fake');
    assert.ok(fake.catalog);
    await want();
    assert.equal(fake.catalog, null);
    assert.equal(catalogs.get('fake'), undefined);
  });
});
