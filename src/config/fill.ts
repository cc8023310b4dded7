import { branchFor, kindOf, mapValues, type Shape } from './shape.ts';

/** A copy of a valid value with the defaults of its schema filled in. Shares nothing with the value or the schema. */
export function fill(shape: Shape, value: unknown): unknown {
  if (shape.anyOf) {
    const branch = branchFor(shape, value);
    return branch ? fill(branch, value) : value;
  }
  if (shape.items && Array.isArray(value)) {
    const items = shape.items;
    return value.map((item) => fill(items, item));
  }
  if (kindOf(value) !== 'object') return value;
  const source = value as Record<string, unknown>;
  return shape.properties ? fillFields(shape.properties, source) : fillMap(mapValues(shape), source);
}

function fillFields(properties: Readonly<Record<string, Shape>>, source: Record<string, unknown>) {
  const result: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(properties)) {
    const given = Object.hasOwn(source, key) ? source[key] : undefined;
    const value = given === undefined ? field.default : given;
    if (value !== undefined) result[key] = fill(field, value);
  }
  return result;
}

function fillMap(values: Shape | null, source: Record<string, unknown>) {
  return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, values ? fill(values, value) : value]));
}
