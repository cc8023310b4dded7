import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { Garden, mutate } from '../support/wire-garden.ts';
import { FIELDS } from './rows/fields.ts';
import { FRAMING } from './rows/framing.ts';
import { HOPS } from './rows/hops.ts';
import { START_LINES } from './rows/start-lines.ts';

/** HEADGATE_MUTATIONS and HEADGATE_SEED make longer and other runs. */
const COUNT = Number(process.env.HEADGATE_MUTATIONS ?? 2000);
const SEED = Number(process.env.HEADGATE_SEED ?? 2026);

/** Mostly what is served, so that a change finds its way around the rules and not only into them. */
const ROWS = [...START_LINES, ...FIELDS, ...FRAMING, ...HOPS].filter((row) => row.raw.length < 600);
const SERVED = ROWS.filter((row) => row.status === 200);
const CORPUS = [...SERVED, ...SERVED, ...SERVED, ...ROWS].map((row) => row.raw);

describe('what arrives at the node is what the proxy says it forwarded', () => {
  it(`${COUNT} changed requests, seed ${SEED}`, { timeout: 60_000 + COUNT * 20 }, async (t) => {
    const garden = await Garden.start();
    t.after(() => garden.close());
    const random = seededRandom(SEED);
    let forwarded = 0;
    for (let i = 0; i < COUNT; i++) {
      const text = mutate(random, CORPUS);
      const verdict = await garden.judge(text);
      assert.equal(verdict.disagreement, null, `case ${i}: ${JSON.stringify(text)}`);
      forwarded += verdict.forwarded;
    }
    assert.ok(forwarded > COUNT / 4, `only ${forwarded} requests were forwarded`);
    assert.equal(garden.plane.inflight, 0);
    assert.deepEqual(garden.plane.errors, []);
  });
});
