import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { simulate } from '../../src/cli/simulate.ts';

describe('headgate simulate', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simulate-'));
    await writeFile(
      join(folder, 'a.yaml'),
      'name: a try\nduration: 2\nrate: 50\ncompare: [ewma, random]\nnodes: [{ name: web, count: 3 }]\n',
    );
  });
  after(() => rm(folder, { recursive: true }));

  async function run(svg?: string): Promise<string> {
    const output = new PassThrough();
    assert.equal(await simulate({ file: join(folder, 'a.yaml'), svg }, output), 0);
    output.end();
    return await text(output);
  }

  it('prints the report, the same each time', async () => {
    const report = await run();
    assert.match(report, /^a try: 2 s, 50 requests\/s, 2 workers, seed 1\n\n +ewma +random\nrequests /);
    assert.equal(await run(), report);
  });

  it('draws the chart when asked', async () => {
    const svg = join(folder, 'a.svg');
    await run(svg);
    assert.match(await readFile(svg, 'utf8'), /^<svg .*<\/svg>\n$/s);
  });

  it('names the file that it could not read or write', async () => {
    const output = new PassThrough();
    await assert.rejects(simulate({ file: join(folder, 'no.yaml'), svg: undefined }, output), /no\.yaml: /);
    await assert.rejects(simulate({ file: join(folder, 'a.yaml'), svg: join(folder, 'no', 'a.svg') }, output), {
      code: 'SCENARIO',
      message: /no\/a\.svg: /,
    });
  });
});
