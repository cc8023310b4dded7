import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { referencePage } from '../../src/config/export/reference.ts';
import { loadFile } from '../../src/config/load.ts';

const root = join(import.meta.dirname, '../..');

test('every example is a valid configuration, and none needs an environment', async () => {
  const names = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'));
  assert.ok(names.length >= 2);
  for (const name of names) {
    const result = await loadFile(join(root, 'examples', name), {});
    assert.ok(result.ok, JSON.stringify(result));
    assert.deepEqual(result.warnings, [], name);
  }
});

test('every link of the reference page leads to one of its headings', () => {
  const page = referencePage();
  const anchors = new Set<string>();
  for (const [, heading] of page.matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading!
      .toLowerCase()
      .replace(/[^a-z0-9_ -]/g, '')
      .replaceAll(' ', '-');
    assert.ok(!anchors.has(anchor), `two headings have the anchor ${anchor}`);
    anchors.add(anchor);
  }
  const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, link]) => link!);
  assert.ok(links.length > 10);
  for (const link of links) assert.ok(anchors.has(link), link);
});

/** A copy of what the generator needs, so that the test may spoil it. */
function checkout(): string {
  const copy = mkdtempSync(join(tmpdir(), 'headgate-generate-'));
  after(() => rmSync(copy, { recursive: true }));
  for (const name of ['src/core', 'src/config', 'scripts/generate.ts', 'schema', 'docs', 'package.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function generate(directory: string, ...args: string[]) {
  const run = spawnSync(process.execPath, ['scripts/generate.ts', ...args], { cwd: directory, encoding: 'utf8' });
  return { status: run.status, stderr: run.stderr };
}

test('what is generated is up to date; when it is not, the check says how to mend it', () => {
  const copy = checkout();
  assert.deepEqual(generate(copy, '--check'), { status: 0, stderr: '' });
  writeFileSync(join(copy, 'docs/configuration.md'), 'old');
  rmSync(join(copy, 'schema/headgate.schema.json'));
  assert.deepEqual(generate(copy, '--check'), {
    status: 1,
    stderr:
      'schema/headgate.schema.json is out of date: run npm run generate\n' +
      'docs/configuration.md is out of date: run npm run generate\n',
  });
  assert.equal(generate(copy).status, 0);
  assert.deepEqual(generate(copy, '--check'), { status: 0, stderr: '' });
});

test('the schema for editors is plain JSON Schema', () => {
  const schema = JSON.parse(readFileSync(join(root, 'schema/headgate.schema.json'), 'utf8'));
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(schema.properties.listen.default, ['0.0.0.0:9080']);
  assert.deepEqual(schema.properties.routes.items.required, ['id']);
  assert.doesNotMatch(JSON.stringify(schema), /"(expects|like|secret|~[a-z]+)":/);
});
