import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { explain } from '../../src/config/explain.ts';
import { normalise } from '../../src/config/normalise.ts';
import { documentSchema } from '../../src/config/schema/document.ts';
import { type Shape, shapeOf } from '../../src/config/shape.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { arbitraryFor } from './arbitrary.ts';

const shape = shapeOf(documentSchema);

/** Every object and field of a schema, with its path. */
function* parts(part: Shape, path: string): Generator<readonly [string, Shape]> {
  yield [path, part];
  for (const [key, field] of Object.entries(part.properties ?? {})) yield* parts(field, `${path}.${key}`);
  if (part.items) yield* parts(part.items, `${path}[]`);
  for (const branch of part.anyOf ?? []) yield* parts(branch, path);
}

test('every field says what it means, and no object takes unknown keys', () => {
  for (const [path, part] of parts(shape, 'document')) {
    for (const [key, field] of Object.entries(part.properties ?? {})) {
      assert.match(field.description ?? '', /^\S.*\.$/, `${path}.${key} has no description that is a sentence`);
    }
    if (part.properties) assert.equal((part as { additionalProperties?: unknown }).additionalProperties, false, path);
  }
});

test('every default is a value that its field takes', () => {
  for (const [path, part] of parts(shape, 'document')) {
    if (part.default !== undefined) assert.deepEqual(explain(part, part.default), [], path);
  }
});

test('what the schema takes is not complained about, and survives being normalised twice', () => {
  fc.assert(
    fc.property(arbitraryFor(shape), (value) => {
      assert.deepEqual(explain(shape, value), []);
      const once = normalise(value as DocumentInput);
      assert.deepEqual(normalise(once as unknown as DocumentInput), once);
    }),
    { numRuns: 150 },
  );
});

const strange = fc.oneof(
  fc.constantFrom(null, '', 'x', 0, -1, 1.5, 1e12, true, [], {}, [null], ['x', 'x'], { x: 1 }, Number.NaN),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
);

/** Puts a value somewhere into a document; `choices` decide where. */
function spoil(value: unknown, choices: readonly number[], replacement: unknown): unknown {
  const [choice, ...others] = choices;
  if (choice === undefined || typeof value !== 'object' || value === null) return replacement;
  const keys = [...Object.keys(value), Array.isArray(value) ? String(value.length) : 'extra'];
  const key = keys[choice % keys.length]!;
  const member = (value as Record<string, unknown>)[key];
  if (!Array.isArray(value)) return { ...value, [key]: spoil(member, others, replacement) };
  const copy = [...value];
  copy[Number(key)] = spoil(member, others, replacement);
  return copy;
}

test('something is found wrong exactly where the schema does not take the value', () => {
  const choices = fc.array(fc.nat({ max: 40 }), { maxLength: 6 });
  fc.assert(
    fc.property(arbitraryFor(shape), choices, strange, (value, where, replacement) => {
      const spoiled = spoil(value, where, replacement);
      assert.equal(explain(shape, spoiled).length === 0, Check(documentSchema, spoiled), JSON.stringify(spoiled));
    }),
    { numRuns: 600 },
  );
});
