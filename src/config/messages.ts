import type { TLocalizedValidationError } from 'typebox/error';
import { nearest } from './nearest.ts';
import { type Finding, finding, type Path, quote } from './problem.ts';
import { kindOf, type Shape } from './shape.ts';

/** Sentences for what can be wrong with one value. */

const KIND_NAMES = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
} as const;

function alternatives(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

/** What a schema takes, to follow "must be". */
function wanted(shape: Shape): string {
  if (shape.expects) return shape.expects;
  if (shape.anyOf) return alternatives(shape.anyOf.map(wanted));
  if (shape.enum) return alternatives(shape.enum.map((value) => JSON.stringify(value)));
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  return shape.type ? KIND_NAMES[shape.type] : 'something else';
}

/** What a value is, to follow "is". A secret is not shown. */
function shown(shape: Shape, value: unknown): string {
  const kind = kindOf(value);
  if (shape.secret && (kind === 'string' || kind === 'number')) return 'something else';
  switch (kind) {
    case 'null':
      return 'empty';
    case 'object':
      return 'a map';
    case 'array':
      return 'a list';
    case 'string':
      return quote(value as string);
    case 'number':
      return `the number ${value}`;
    default:
      return String(value);
  }
}

function kindHint(shape: Shape, value: unknown): string {
  const kind = kindOf(value);
  if (kind === 'null')
    return shape.type === 'object' ? 'write {} to take the defaults' : 'give it a value or remove the key';
  if (shape.type === 'string' && (kind === 'number' || kind === 'boolean')) return 'put it in quotes';
  if (shape.type === 'array' && kind === 'string') return 'write a list: [a, b]';
  if (kind !== 'string') return '';
  const text = value as string;
  const meant = shape.enum ? nearest(text, shape.enum.map(String)) : null;
  if (meant !== null) return `did you mean ${quote(meant)}?`;
  if ((shape.type === 'integer' || shape.type === 'number') && /^-?[0-9.]+$/.test(text)) return 'remove the quotes';
  if (shape.type === 'boolean' && /^(yes|no|on|off|true|false|y|n)$/i.test(text))
    return 'write true or false, without quotes';
  return '';
}

/** The value is of another kind than any that the schema takes. */
export function wrongKind(shape: Shape, value: unknown, path: Path): Finding {
  return finding(path, `must be ${wanted(shape)}, is ${shown(shape, value)}`, kindHint(shape, value));
}

type Sentence = (shape: Shape, value: unknown) => string;

const SENTENCES: Readonly<Record<string, Sentence>> = {
  minimum: (shape, value) => `must be at least ${shape.minimum}, is ${value}`,
  maximum: (shape, value) => `must be at most ${shape.maximum}, is ${value}`,
  exclusiveMinimum: (shape, value) => `must be above ${shape.exclusiveMinimum}, is ${value}`,
  minLength: () => 'must not be empty',
  maxLength: (shape) => `must have at most ${shape.maxLength} characters`,
  minItems: (shape) => (shape.minItems === 1 ? 'must not be empty' : `must have at least ${shape.minItems} entries`),
  uniqueItems: () => 'must not hold the same entry twice',
  pattern: (shape, value) => `must be ${wanted(shape)}, is ${shown(shape, value)}`,
};

/** What TypeBox found wrong with a single value or with a list as a whole. */
export function leafFinding(shape: Shape, value: unknown, path: Path, error: TLocalizedValidationError): Finding {
  const sentence = SENTENCES[error.keyword];
  return sentence ? finding(path, sentence(shape, value)) : wrongKind(shape, value, path);
}
