import { Errors } from 'typebox/value';
import { leafFinding, wrongKind } from './messages.ts';
import { nearest } from './nearest.ts';
import { type Finding, finding, type Path, quote } from './problem.ts';
import { branchFor, kindOf, mapValues, type Shape } from './shape.ts';

/**
 * Everything that is wrong with a value, in the order of the document; nothing when the schema takes it.
 *
 * TypeBox judges single values and lists; this walk decides which alternative of a union was meant, so that one mistake
 * is one finding.
 */
export function explain(shape: Shape, value: unknown, path: Path = []): Finding[] {
  const findings: Finding[] = [];
  walk(shape, value, path, findings);
  return findings;
}

function walk(shape: Shape, value: unknown, path: Path, findings: Finding[]): void {
  if (shape.anyOf) walkUnion(shape, value, path, findings);
  else if (shape.type === 'object') walkObject(shape, value, path, findings);
  else if (shape.type === 'array') walkList(shape, value, path, findings);
  else judge(shape, value, path, findings);
}

function walkUnion(shape: Shape, value: unknown, path: Path, findings: Finding[]): void {
  const branch = branchFor(shape, value);
  if (!branch) {
    findings.push(wrongKind(shape, value, path));
  } else if (branch.type === 'object' || branch.type === 'array' || !shape.expects) {
    walk(branch, value, path, findings);
  } else if (Errors(branch, value).length > 0) {
    findings.push(wrongKind(shape, value, path));
  }
}

function walkObject(shape: Shape, value: unknown, path: Path, findings: Finding[]): void {
  if (kindOf(value) !== 'object') {
    findings.push(wrongKind(shape, value, path));
    return;
  }
  const source = value as Record<string, unknown>;
  const free = mapValues(shape);
  for (const [key, member] of Object.entries(source)) {
    const field = shape.properties && Object.hasOwn(shape.properties, key) ? shape.properties[key] : free;
    if (field) walk(field, member, [...path, key], findings);
    else findings.push(unknownKey(shape, key, path));
  }
  for (const key of shape.required ?? []) {
    if (!Object.hasOwn(source, key)) findings.push(finding([...path, key], 'is missing'));
  }
}

function walkList(shape: Shape, value: unknown, path: Path, findings: Finding[]): void {
  if (!Array.isArray(value)) {
    findings.push(wrongKind(shape, value, path));
    return;
  }
  judge({ ...shape, items: {} }, value, path, findings);
  const items = shape.items ?? {};
  value.forEach((item, index) => {
    walk(items, item, [...path, index], findings);
  });
}

function judge(shape: Shape, value: unknown, path: Path, findings: Finding[]): void {
  const error = Errors(shape, value)[0];
  if (error) findings.push(leafFinding(shape, value, path, error));
}

const MOST_KEYS_LISTED = 12;

function unknownKey(shape: Shape, key: string, path: Path): Finding {
  const known = Object.keys(shape.properties ?? {});
  const meant = nearest(key, known);
  let hint = '';
  if (meant) hint = `did you mean ${quote(meant)}?`;
  else if (known.length <= MOST_KEYS_LISTED) hint = `known here: ${known.join(', ')}`;
  return finding([...path, key], 'unknown key', hint, 'key');
}
