import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const STATES = ['yes', 'partly', 'not yet', 'no'];

interface Row {
  readonly number: number;
  readonly state: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

/** The rows of the table in docs/complaints.md. */
function rows(): Row[] {
  const lines = readFileSync(join(ROOT, 'docs/complaints.md'), 'utf8').split('\n');
  return lines.flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    if (!/^\d+$/.test(cells[1] ?? '')) return [];
    const named = [...(cells[6] ?? '').matchAll(/`([^`]+)` \*([^*]+)\*/g)];
    const tests = named.map(([, file = '', title = '']) => ({ file, title }));
    return [{ number: Number(cells[1]), state: (cells[4] ?? '').replaceAll('*', ''), tests }];
  });
}

/** The texts in a file, each with `…` where something is filled in. */
function textsIn(file: string): ReadonlySet<string> {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const literals = source.matchAll(/'((?:\\.|[^'\\\n])*)'|`((?:\\.|[^`\\])*)`/g);
  const texts = [...literals].map(([, plain, template]) => plain ?? template?.replace(/\$\{[^}]*\}/g, '…') ?? '');
  return new Set(texts.map((text) => text.replaceAll('\\', '')));
}

describe('the table of complaints', () => {
  it('has a row for each of the 38, with a plain verdict', () => {
    const all = rows();
    assert.deepEqual(
      all.map(({ number }) => number),
      Array.from({ length: 38 }, (_, index) => index + 1),
    );
    for (const { number, state } of all) assert.ok(STATES.includes(state), `row ${number}: "${state}"`);
  });

  it('names tests that exist, wherever it claims something', () => {
    for (const { number, state, tests } of rows()) {
      assert.ok(tests.length > 0 || state === 'not yet' || state === 'no', `row ${number} shows nothing`);
      for (const { file, title } of tests) {
        assert.ok(textsIn(file).has(title), `row ${number}: there is no test "${title}" in ${file}`);
      }
    }
  });
});
