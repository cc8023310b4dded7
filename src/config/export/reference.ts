import { documentSchema, resourceSchemas, staticFields } from '../schema/document.ts';
import { mapValues, type Shape, shapeOf } from '../shape.ts';
import { INTRODUCTION } from './reference-text.ts';

/** The reference page: what can be written where, one table an object, from the same schemas that check it. */
export function referencePage(): string {
  const document = shapeOf(documentSchema);
  const fields = document.properties ?? {};
  const staticPart = Object.fromEntries(Object.keys(staticFields).map((key) => [key, fields[key]!]));
  const dynamicPart = Object.fromEntries(Object.keys(resourceSchemas).map((key) => [key, fields[key]!]));
  return [
    INTRODUCTION,
    '## Static part',
    'Read at start; a change takes effect at the next start.',
    table(staticPart, [], []),
    ...nestedSections(staticPart, [], 3),
    '## Dynamic part',
    'Applied while running, as the difference to what was there before.',
    table(dynamicPart, [], []),
    ...nestedSections(dynamicPart, [], 3),
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}

type Fields = Readonly<Record<string, Shape>>;

/** The object in a field, also one that is an entry of its list or one of its alternatives. */
function objectIn(shape: Shape): Shape | null {
  if (shape.properties) return shape;
  if (shape.items) return objectIn(shape.items);
  for (const branch of shape.anyOf ?? []) {
    const found = objectIn(branch);
    if (found) return found;
  }
  return null;
}

function nestedSections(fields: Fields, path: readonly string[], level: number): string[] {
  return Object.entries(fields).flatMap(([key, field]) => {
    const object = objectIn(field);
    return object && !object.like ? section(object, [...path, key], level) : [];
  });
}

function section(object: Shape, path: readonly string[], level: number): string[] {
  const fields = object.properties ?? {};
  return [
    `${'#'.repeat(level)} ${path.join('.')}`,
    object.description ?? '',
    table(fields, object.required ?? [], path),
    ...nestedSections(fields, path, Math.min(level + 1, 5)),
  ];
}

function table(fields: Fields, required: readonly string[], path: readonly string[]): string {
  const rows = Object.entries(fields).map(([key, field]) => {
    const cells = [
      `\`${key}\``,
      typeText(field, [...path, key]),
      defaultText(field, required.includes(key)),
      field.description ?? '',
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| Field | Type | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function typeText(shape: Shape, path: readonly string[]): string {
  if (shape.anyOf) return shape.anyOf.map((branch) => typeText(branch, path)).join(' or ');
  if (shape.enum) return shape.enum.map((value) => code(value)).join(', ');
  if (shape.const !== undefined) return code(shape.const);
  if (shape.properties) return objectLink(shape.like ?? path.join('.'));
  const values = mapValues(shape);
  if (values) return `map of ${typeText(values, path)}`;
  return shape.items ? listText(shape.items, path) : leafText(shape);
}

function listText(items: Shape, path: readonly string[]): string {
  const entry = typeText(items, path);
  return items.anyOf || items.enum ? `list of (${entry})` : `list of ${entry}`;
}

function objectLink(name: string): string {
  return `[object](#${name.toLowerCase().replace(/[^a-z0-9_-]/g, '')})`;
}

function leafText(shape: Shape): string {
  if (shape.type === 'string') return 'text';
  if (shape.type === 'boolean') return 'true or false';
  const kind = shape.type === 'integer' ? 'whole number' : 'number';
  const low = shape.exclusiveMinimum === undefined ? `from ${shape.minimum}` : `above ${shape.exclusiveMinimum}`;
  return shape.maximum === Number.MAX_SAFE_INTEGER ? `${kind} ${low}` : `${kind} ${low} to ${shape.maximum}`;
}

function defaultText(shape: Shape, required: boolean): string {
  if (required) return '*required*';
  return shape.default === undefined ? '–' : code(shape.default);
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}
