import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { type Path, type Problem, quote } from '../problem.ts';
import { coreScalar } from './core-scalar.ts';
import { keyText, type Source } from './source.ts';
import { type Environment, substitute } from './substitute.ts';

const MAX_DEPTH = 64;
/** Values that aliases may add by repetition: far above any honest use, far below what hurts. */
const MAX_REPEATED = 100_000;
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const CORE_TAGS = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
);

/** Stands for a value that substitution left empty: the key counts as not written. */
const ABSENT = Symbol('absent');

/** Turns the parsed text into plain data: variables replaced, aliases followed, doubtful keys refused. */
export class DataReader {
  readonly problems: Problem[] = [];
  readonly #source: Source;
  readonly #environment: Environment;
  readonly #anchors = new Map<string, Node>();
  #aliasDepth = 0;
  #repeated = 0;

  constructor(source: Source, environment: Environment) {
    this.#source = source;
    this.#environment = environment;
  }

  read(node: Node | null): unknown {
    const data = this.#read(node, [], 0);
    return data === ABSENT ? null : data;
  }

  #read(node: Node | null, path: Path, depth: number): unknown {
    if (node === null) return null;
    if (depth > MAX_DEPTH) return this.#fail(node, path, 'is nested too deeply', `at most ${MAX_DEPTH} levels`);
    if (this.#aliasDepth > 0 && ++this.#repeated > MAX_REPEATED) {
      return this.#repeated === MAX_REPEATED + 1 ? this.#fail(node, path, 'aliases repeat too much', '') : null;
    }
    if (isAlias(node)) return this.#readAlias(node.source, node, path, depth);
    // An alias means the anchor before it in the text, so what is read through aliases must not set any.
    if (this.#aliasDepth === 0 && node.anchor) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined && !CORE_TAGS.has(node.tag))
      return this.#fail(node, path, `the tag ${quote(node.tag)} is not allowed`, '');
    if (isMap(node)) return this.#readMap(node, path, depth);
    if (isSeq(node)) return this.#readList(node, path, depth);
    return isScalar(node) ? this.#readScalar(node, path) : null;
  }

  #readAlias(name: string, node: Node, path: Path, depth: number): unknown {
    const target = this.#anchors.get(name);
    if (!target) return this.#fail(node, path, `there is no anchor ${quote(name)} before this alias`, '');
    this.#aliasDepth += 1;
    const data = this.#read(target, path, depth + 1);
    this.#aliasDepth -= 1;
    return data;
  }

  #readMap(map: YAMLMap, path: Path, depth: number): Record<string, unknown> {
    const data: Record<string, unknown> = {};
    this.#source.record(data, map);
    for (const pair of map.items as Pair[]) {
      const key = this.#readKey(pair, path, data);
      if (key === null) continue;
      const value = this.#read(pair.value as Node | null, [...path, key], depth + 1);
      if (value !== ABSENT) data[key] = value;
    }
    return data;
  }

  #readKey(pair: Pair, path: Path, data: Record<string, unknown>): string | null {
    const node = pair.key as Node;
    const key = keyText(pair);
    if (key === null) return this.#fail(node, path, 'a key must be a single text', '');
    if (FORBIDDEN_KEYS.has(key)) return this.#fail(node, [...path, key], 'this key is not allowed', '');
    if (key === '<<') return this.#fail(node, [...path, key], 'merge keys are not supported', 'write the settings out');
    if (Object.hasOwn(data, key))
      return this.#fail(node, [...path, key], 'this key is written twice', 'keep one of them');
    return key;
  }

  #readList(list: YAMLSeq, path: Path, depth: number): unknown[] {
    const data: unknown[] = [];
    this.#source.record(data, list);
    for (const [index, item] of list.items.entries()) {
      const value = this.#read(item as Node | null, [...path, index], depth + 1);
      data.push(value === ABSENT ? null : value);
    }
    return data;
  }

  #readScalar(node: Scalar, path: Path): unknown {
    if (typeof node.value !== 'string' || !node.value.includes('${')) return node.value;
    const result = substitute(node.value, this.#environment);
    if (!result.ok) return this.#fail(node, path, result.message, result.hint);
    if (node.type !== Scalar.PLAIN) return result.text;
    return result.text === '' ? ABSENT : coreScalar(result.text);
  }

  #fail(node: Node | null, path: Path, message: string, hint: string): null {
    this.problems.push(this.#source.problemAt(node?.range?.[0] ?? 0, path, message, hint));
    return null;
  }
}
