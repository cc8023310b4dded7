import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { chart } from '../../src/simulation/chart.ts';
import { compare } from '../../src/simulation/compare.ts';
import { readScenario } from '../../src/simulation/read-scenario.ts';
import { reportText } from '../../src/simulation/report.ts';
import { parseXml } from './xml.ts';

const FOLDER = new URL('../../examples/scenarios/', import.meta.url);

describe('example scenarios', () => {
  for (const file of readdirSync(FOLDER)) {
    it(`${file} is valid, and fails nothing needlessly`, async () => {
      const scenario = await readScenario(new URL(file, FOLDER).pathname);
      assert.ok(scenario.name, 'has a name');
      // A third of the time and of the load: what happens is the same.
      const short = { ...scenario, duration: scenario.duration / 3, rate: scenario.rate / 3 };
      const events = scenario.events?.map((event) => ({ ...event, at: event.at / 3 }));
      const played = events ? { ...short, events } : short;
      const runs = await compare(played);
      parseXml(chart(played, runs));
      assert.ok(reportText(played, runs).includes('failed needlessly'));
      for (const { record, inflightLeft, label } of runs) {
        assert.ok(record.requests > 100, label);
        assert.deepEqual([record.lost, inflightLeft], [0, 0], label);
      }
    });
  }
});
