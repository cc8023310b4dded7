import type { TSchema } from 'typebox';

/** JSON's kinds of value. */
export type Kind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** The keywords of JSON Schema that the configuration's schemas use, with our notes, as one shape to walk over. */
export interface Shape {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly enum?: readonly (string | number)[];
  readonly const?: string | number | boolean;
  readonly expects?: string;
  readonly like?: string;
  readonly secret?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
}

export function shapeOf(schema: TSchema): Shape {
  return schema as Shape;
}

export function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as Kind;
}

function accepts(shape: Shape, kind: Kind): boolean {
  if (shape.const !== undefined) return typeof shape.const === kind;
  if (shape.enum) return shape.enum.some((value) => typeof value === kind);
  return shape.type === 'integer' ? kind === 'number' : shape.type === kind;
}

/** The alternative of a union that a value is meant for, told by its kind; null when none takes such a value. */
export function branchFor(shape: Shape, value: unknown): Shape | null {
  const kind = kindOf(value);
  return shape.anyOf?.find((branch) => accepts(branch, kind)) ?? null;
}

/** What the values of a map with free keys look like; null for an object with fixed fields. */
export function mapValues(shape: Shape): Shape | null {
  return shape.patternProperties ? (Object.values(shape.patternProperties)[0] ?? null) : null;
}
