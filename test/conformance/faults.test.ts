import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CatalogEntry } from '../../src/discovery/types.ts';
import { RecordingSink } from '../support/sink.ts';
import { type Bench, places, textOf, withBench } from './bench.ts';
import { KINDS } from './kinds.ts';
import type { Place } from './registry.ts';

const [A, B, C] = places(3) as [Place, Place, Place];
/** Questions that come at once, and the least time between two of the others. */
const BURST = 21;
const FLOOR_MS = 100;

for (const kind of KINDS) {
  describe(`the contract of discovery: how ${kind.type} fails and comes back`, { timeout: 120_000 }, () => {
    const state = (title: string, body: (bench: Bench) => Promise<void>) => it(title, () => withBench(kind, body));

    for (const fault of kind.faults) {
      state(
        `keeps what it knows while the registry is struck by "${fault}", and sees what it missed`,
        async (bench) => {
          await bench.follow(A, B);
          const [asked, since] = [bench.registry.questions, bench.clock.now()];
          await bench.registry.break(fault);
          await bench.failed();
          // Before that an answer may have been on its way.
          const { length } = bench.told;
          await bench.pass(8_000);
          assert.ok(bench.told.slice(length).every((told) => told.kind === 'fail'));
          assert.equal(bench.set.state, 'stale');
          assert.equal(textOf(bench.set.nodes), textOf([A, B]));
          const [questions, took] = [bench.registry.questions - asked, bench.clock.now() - since];
          assert.ok(questions <= BURST + took / FLOOR_MS, `${questions} questions in ${took} ms`);
          bench.put([B, C]);
          await bench.registry.mend();
          await bench.known([B, C]);
        },
      );

      state(`begins while the registry is struck by "${fault}", says so, and recovers`, async (bench) => {
        bench.put([A]);
        await bench.registry.break(fault);
        bench.sets.want([bench.query]);
        await bench.failed();
        assert.equal(bench.set.state, 'failed');
        assert.match(bench.set.reason ?? '', /\S/);
        await bench.registry.mend();
        await bench.known([A]);
        assert.ok(bench.told.every((told) => told.kind === 'fail' || told.members.length === 1));
      });
    }

    state('survives one fault after the other, with a change in each', async (bench) => {
      await bench.follow(A);
      for (const [round, fault] of kind.faults.entries()) {
        await bench.registry.break(fault);
        await bench.failed();
        const registered = places(2, 10 * round);
        bench.put(registered);
        await bench.registry.mend();
        await bench.known(registered);
      }
    });

    if (kind.rewinds)
      state('follows a registry whose history went backwards, and casts doubt on what it says', async (bench) => {
        await bench.follow(A, B);
        for (const registered of [[A], [A, B]]) {
          bench.put(registered);
          await bench.known(registered);
        }
        const { length } = bench.told;
        bench.rewind([C]);
        await bench.known([C]);
        const since = bench.told.slice(length);
        assert.ok(since.some((told) => told.kind === 'fail' || typeof told.doubt === 'string'));
        // From there on it is followed as before.
        const { length: failed } = bench.failures;
        for (const registered of [[A], [A, B]]) {
          bench.put(registered);
          await bench.known(registered);
        }
        assert.equal(bench.failures.length, failed);
      });

    if (kind.lists)
      state('tells a catalogue again after an outage', async (bench) => {
        assert.ok(bench.discovery.watchCatalog);
        const sink = new RecordingSink<CatalogEntry>();
        const abort = new AbortController();
        bench.put([A]);
        const done = bench.discovery.watchCatalog(sink, abort.signal);
        const next = async (wanted: 'set' | 'fail') => {
          for (;;) {
            await bench.until('the catalogue is told of', () => sink.told.size > 0);
            const told = await sink.told.next();
            if (told.kind === wanted) return told.kind === 'set' ? told.members.map(({ service }) => service) : [];
          }
        };
        assert.deepEqual(
          (await next('set')).map((name) => name.toLowerCase()),
          ['web'],
        );
        await bench.registry.break('refused');
        await next('fail');
        await bench.registry.mend();
        assert.deepEqual(
          (await next('set')).map((name) => name.toLowerCase()),
          ['web'],
        );
        abort.abort();
        await done;
      });
  });
}
