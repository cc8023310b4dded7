import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { jsonSchema } from '../src/config/export/json-schema.ts';
import { referencePage } from '../src/config/export/reference.ts';

/** Writes what is derived from the configuration's schemas. `--check` only compares, and exits 1 on a difference. */

const GENERATED: Readonly<Record<string, string>> = {
  'schema/headgate.schema.json': `${JSON.stringify(jsonSchema(), null, 2)}\n`,
  'docs/configuration.md': referencePage(),
};

const checkOnly = process.argv.includes('--check');

for (const [name, wanted] of Object.entries(GENERATED)) {
  const file = fileURLToPath(new URL(`../${name}`, import.meta.url));
  if (!checkOnly) {
    await writeFile(file, wanted);
  } else if ((await readFile(file, 'utf8').catch(() => null)) !== wanted) {
    process.stderr.write(`${name} is out of date: run npm run generate\n`);
    process.exitCode = 1;
  }
}
