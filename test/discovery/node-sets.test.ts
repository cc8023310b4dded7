import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import type { Discovery, NodeSet } from '../../src/discovery/types.ts';
import { DEFAULT_GUARD } from '../support/discovery-defaults.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeDiscovery, outage } from '../support/fake-discovery.ts';
import { nodes } from '../support/nodes.ts';
import { RecordingLog } from '../support/recording-log.ts';

const WEB = { source: 'fake', service: 'web', args: {} };
const DB = { source: 'fake', service: 'db', args: {} };
const BLUE = { source: 'fake', service: 'web', args: { tag: 'blue' } };

describe('node sets', () => {
  let clock: FakeClock;
  let log: RecordingLog;
  let fake: FakeDiscovery;
  let cache: LastGoodCache;
  let sets: NodeSets;
  let told: NodeSet[];

  beforeEach(() => {
    clock = new FakeClock();
    log = new RecordingLog();
    fake = new FakeDiscovery();
    cache = new LastGoodCache(null, clock, log);
    create({ fake });
  });

  afterEach(() => sets.close(clock.now() + 1));

  function create(discoveries: Record<string, Discovery>): void {
    const parts = { discoveries: new Map(Object.entries(discoveries)), guard: DEFAULT_GUARD, cache, clock, log };
    sets = new NodeSets(parts);
    told = [];
    sets.onChange((set) => told.push(set));
  }

  async function want(...queries: NodeSet['query'][]): Promise<void> {
    sets.want(queries);
    await settle();
  }

  it('goes from init to ok with the first answer, even an empty one', async () => {
    await want(WEB, DB);
    assert.equal(sets.get(WEB)?.state, 'init');
    fake.of(WEB).set([]);
    clock.advance(10);
    fake.of(DB).set(nodes(2));
    assert.deepEqual(
      told.map((set) => [set.query.service, set.state, set.nodes.length, set.version]),
      [
        ['web', 'ok', 0, 0],
        ['db', 'ok', 2, 1],
      ],
    );
    assert.equal(sets.get(DB)?.confirmedAt, clock.now());
    assert.deepEqual(log.names, ['discovery.changed']);
  });

  it('tells of changes of content only, and counts every answer', async () => {
    await want(WEB);
    fake.of(WEB).set(nodes(2));
    clock.advance(1000);
    fake.of(WEB).set(nodes(2).reverse());
    assert.equal(told.length, 1);
    assert.equal(sets.get(WEB)?.version, 1);
    assert.equal(sets.get(WEB)?.confirmedAt, clock.now());
    fake.of(WEB).set(nodes(3));
    assert.equal(told.length, 2);
    assert.equal(sets.get(WEB)?.version, 2);
    const counters = sets.counters().get('fake');
    assert.equal(counters?.verdicts.applied, 2);
    assert.equal(counters?.verdicts.unchanged, 1);
    assert.match(log.events.at(-1)!.message, /^fake web: 3 nodes \(\+1 −0\)$/);
  });

  it('converges to the last answer over add, remove, add', async () => {
    await want(WEB);
    for (const count of [1, 0, 1, 3, 2, 3]) {
      fake.of(WEB).set(nodes(count));
      clock.advance(1000);
      assert.equal(sets.get(WEB)?.nodes.length, count);
    }
  });

  it('keeps what is known while the source fails, says so, and tells of the outage once', async () => {
    await want(WEB, DB);
    fake.of(WEB).set(nodes(2));
    fake.of(WEB).fail(outage('first'));
    for (let round = 0; round < 3; round++) {
      fake.of(WEB).fail(outage());
      fake.of(DB).fail(outage());
    }
    assert.equal(sets.get(WEB)?.state, 'stale');
    assert.equal(sets.get(WEB)?.reason, 'no answer');
    assert.equal(sets.get(WEB)?.nodes.length, 2);
    assert.equal(sets.get(DB)?.state, 'failed');
    assert.equal(sets.counters().get('fake')?.errors, 7);
    const outages = () => log.names.filter((name) => name.startsWith('discovery.source'));
    assert.deepEqual(outages(), ['discovery.source-lost', 'discovery.source-lost']);
    fake.of(WEB).set(nodes(2));
    assert.equal(sets.get(WEB)?.state, 'ok');
    assert.equal(sets.get(WEB)?.reason, null);
    assert.equal(outages().length, 2);
    fake.of(DB).set([]);
    assert.equal(outages().at(-1), 'discovery.source-back');
  });

  it('holds a set that is empty after an outage, says until when, and gives way', async () => {
    await want(WEB);
    fake.of(WEB).set(nodes(2));
    fake.of(WEB).fail(outage());
    fake.of(WEB).set([]);
    const held = sets.get(WEB)!;
    assert.equal(held.state, 'held');
    assert.equal(held.nodes.length, 2);
    const until = new Date(clock.wall() + 60_000).toISOString();
    assert.equal(held.reason, `2 → 0 nodes after the source could not be asked; held until ${until}`);
    clock.advance(60_000);
    assert.deepEqual([sets.get(WEB)?.state, sets.get(WEB)?.nodes.length], ['ok', 0]);
    assert.deepEqual(
      log.names.filter((name) => /held|expired/.test(name)),
      ['discovery.held', 'discovery.expired'],
    );
  });

  it('lets a held change through by hand', async () => {
    await want(WEB);
    assert.equal(sets.release(WEB), false);
    assert.equal(sets.release(DB), false);
    fake.of(WEB).set(nodes(2));
    fake.of(WEB).set([], 'the index went back');
    assert.equal(sets.get(WEB)?.state, 'held');
    assert.equal(sets.release(WEB), true);
    assert.deepEqual([sets.get(WEB)?.state, sets.get(WEB)?.nodes.length], ['ok', 0]);
    assert.ok(log.names.includes('discovery.released'));
  });

  it('starts what is new, stops what is gone, and leaves the others alone', async () => {
    await want(WEB, DB);
    fake.of(WEB).set(nodes(2));
    const sink = fake.of(WEB);
    await want(WEB, BLUE);
    assert.equal(fake.started, 3);
    assert.equal(fake.of(WEB), sink);
    assert.equal(sets.get(WEB)?.nodes.length, 2);
    assert.equal(sets.get(DB), undefined);
    assert.throws(() => fake.of(DB), /not watched/);
    assert.equal(sets.get(BLUE)?.state, 'init');
    assert.equal(sets.all().length, 2);
    await want(WEB, BLUE, { ...BLUE, args: { tag: 'blue' } });
    assert.equal(fake.started, 3);
  });

  it('hears nothing from a watch that was stopped', async () => {
    await want(WEB);
    const sink = fake.of(WEB);
    sink.set(nodes(10));
    clock.advance(1000);
    sink.set([]);
    assert.equal(sets.get(WEB)?.state, 'held');
    await want();
    sink.set(nodes(3));
    sink.fail(outage());
    clock.advance(100_000);
    assert.equal(told.length, 2);
    assert.equal(clock.pending, 0);
  });

  it('ends the outage of a source when the last set that failed is not wanted any more', async () => {
    await want(WEB);
    fake.of(WEB).fail(outage());
    await want();
    assert.equal(log.names.at(-1), 'discovery.source-back');
  });

  it('holds many services of a source that end at once', async () => {
    const queries = Array.from({ length: 4 }, (_, index) => ({ ...WEB, service: `s${index}` }));
    await want(...queries);
    for (const query of queries) fake.of(query).set(nodes(1));
    clock.advance(60_000);
    for (const query of queries) fake.of(query).set([]);
    assert.deepEqual(
      queries.map((query) => [sets.get(query)?.state, sets.get(query)?.nodes.length]),
      queries.map(() => ['held', 1]),
    );
  });

  it('serves a cached set at once, and says that it is one until the source answers', async () => {
    cache.putNodes(WEB, nodes(3));
    await want(WEB, DB);
    const start = sets.get(WEB)!;
    assert.deepEqual([start.state, start.cached, start.nodes.length, start.confirmedAt], ['stale', true, 3, null]);
    assert.match(start.reason ?? '', /^from the cache of 20.*not confirmed/);
    fake.of(WEB).fail(outage());
    assert.deepEqual([sets.get(WEB)?.state, sets.get(WEB)?.cached], ['stale', true]);
    fake.of(WEB).set(nodes(3));
    const confirmed = sets.get(WEB)!;
    assert.deepEqual([confirmed.state, confirmed.cached, confirmed.version], ['ok', false, start.version]);
  });

  it('holds a registry that is empty at the start while the cache is fresh, and not when it is old', async () => {
    cache.putNodes(WEB, nodes(3));
    await want(WEB);
    fake.of(WEB).set([]);
    assert.equal(sets.get(WEB)?.state, 'held');
    await want();
    cache.putNodes(WEB, nodes(3));
    clock.advance(25 * 3600_000);
    await want(WEB);
    assert.match(sets.get(WEB)?.reason ?? '', /too old to vouch for/);
    assert.equal(sets.get(WEB)?.nodes.length, 3);
    fake.of(WEB).set([]);
    assert.deepEqual([sets.get(WEB)?.state, sets.get(WEB)?.nodes.length], ['ok', 0]);
  });

  it('puts into the cache what is in force, and takes out what is not wanted', async () => {
    await want(WEB);
    fake.of(WEB).set(nodes(2));
    assert.equal(cache.nodes(WEB)?.members.length, 2);
    fake.of(WEB).fail(outage());
    clock.advance(5000);
    assert.equal(cache.nodes(WEB)?.at, clock.wall() - 5000, 'a failure confirms nothing');
    await want();
    assert.equal(cache.nodes(WEB), null);
  });

  it('keeps the cache when it is closed', async () => {
    await want(WEB);
    fake.of(WEB).set(nodes(2));
    await sets.close(clock.now() + 1);
    assert.equal(cache.nodes(WEB)?.members.length, 2);
    sets.want([DB]);
    assert.equal(sets.get(DB), undefined);
  });

  it('does not wait longer than the deadline for an adapter that does not end', async () => {
    await sets.close(clock.now());
    create({ fake: { type: 'fake', watch: () => new Promise(() => {}) } });
    await want(WEB);
    let closed = false;
    const closing = sets.close(clock.now() + 1000).then(() => {
      closed = true;
    });
    await clock.run(999);
    assert.equal(closed, false);
    await clock.run(1);
    await closing;
  });

  it('fails a set whose source is not configured, and says what to add', async () => {
    await want({ ...WEB, source: 'nacos' });
    const set = sets.all()[0]!;
    assert.equal(set.state, 'failed');
    assert.match(set.reason ?? '', /discovery\.nacos/);
  });

  it('survives an adapter that breaks, and a listener that does', async () => {
    await sets.close(clock.now() + 1);
    create({ fake: { type: 'fake', watch: () => Promise.reject(new Error('a bug')) } });
    sets.onChange(() => {
      throw new Error('another bug');
    });
    await want(WEB);
    assert.equal(sets.get(WEB)?.state, 'failed');
    assert.match(sets.get(WEB)?.reason ?? '', /a bug/);
    assert.equal(told.length, 1);
    assert.ok(log.names.includes('discovery.listener-failed'));
  });
});
