import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../src/discovery/types.ts';
import { RecordingSink } from '../support/sink.ts';
import { type Bench, places, textOf, withBench } from './bench.ts';
import { KINDS } from './kinds.ts';
import type { Place } from './registry.ts';

const [A, B] = places(2) as [Place, Place];

// That nothing is told after the end, and that no timer and no socket is left, is seen to by the bench.
for (const kind of KINDS) {
  describe(`the contract of discovery: how ${kind.type} ends`, { timeout: 120_000 }, () => {
    const state = (title: string, body: (bench: Bench) => Promise<void>) => it(title, () => withBench(kind, body));

    state('ends at once while it waits', async (bench) => {
      await bench.follow(A);
      await bench.pass(100);
      await bench.abort();
    });

    state('ends at once before it has an answer', async (bench) => {
      bench.put([A]);
      bench.sets.want([bench.query]);
      await bench.abort();
      assert.equal(bench.told.length, 0);
    });

    state('ends at once when it is ended before it has begun', async (bench) => {
      await bench.discovery.watch(bench.query, new RecordingSink<Node>(), AbortSignal.abort());
      assert.equal(bench.registry.questions, 0);
    });

    if (kind.faults.includes('hang'))
      state('ends at once while a question gets no answer', async (bench) => {
        await bench.registry.break('hang');
        bench.sets.want([bench.query]);
        await bench.until('a question is under way', () => bench.registry.questions > 0);
        await bench.abort();
      });

    if (kind.faults.includes('stall'))
      state('ends at once in the middle of an answer', async (bench) => {
        await bench.registry.break('stall');
        bench.put(places(5));
        bench.sets.want([bench.query]);
        await bench.until('a question is under way', () => bench.registry.questions > 0);
        await bench.abort();
      });

    state('ends at once while it waits after a failure', async (bench) => {
      await bench.registry.break('refused');
      bench.sets.want([bench.query]);
      await bench.failed();
      await bench.abort();
      await bench.registry.mend();
      await bench.pass(15_000);
      assert.equal(bench.registry.questions, 0);
    });

    state('begins anew after an end, with what is registered then', async (bench) => {
      await bench.follow(A);
      await bench.abort();
      bench.put([B]);
      bench.sets.want([bench.query]);
      await bench.known([B]);
    });

    state('goes on for one that watches when another ends', async (bench) => {
      const other = new RecordingSink<Node>();
      const abort = new AbortController();
      const done = bench.discovery.watch(bench.query, other, abort.signal);
      await bench.follow(A);
      await bench.until('the other knows', () => other.told.size > 0);
      abort.abort();
      await done;
      other.told.drain();
      bench.put([A, B]);
      await bench.known([A, B]);
      assert.equal(other.told.size, 0);
      assert.equal(textOf(bench.set.nodes), textOf([A, B]));
    });
  });
}
