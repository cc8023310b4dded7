// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadText } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

function load(text: string): string[] {
  const result = loadText(text, 'c.yaml', {});
  return result.ok ? [] : result.problems.map((problem) => formatProblem(problem));
}

test('keys that reach into prototypes are refused wherever they stand', () => {
  const texts = [
    '__proto__: {polluted: 1}',
    'constructor: {prototype: {polluted: 1}}',
    'routes: [{id: 1, labels: {__proto__: {polluted: 1}}}]',
    '{"upstreams": [{"id": 1, "nodes": {"__proto__": 1}}]}',
    'upstreams: [{id: 1, nodes: [{host: a, port: 1, metadata: {constructor: x, prototype: y}}]}]',
    'discovery: {"\\x5f_proto__": {polluted: 1}}',
  ];
  for (const text of texts) {
    assert.ok(
      load(text).some((line) => line.endsWith('this key is not allowed')),
      text,
    );
  }
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test('nesting without end is refused in one line', () => {
  const texts = [
    '['.repeat(100_000),
    '{a: '.repeat(20_000),
    '- '.repeat(50_000),
    `listen: ${'['.repeat(3000)}${']'.repeat(3000)}`,
    `listen: ${'['.repeat(100)}${']'.repeat(100)}`,
    Array.from({ length: 3000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  ];
  for (const text of texts) {
    const lines = load(text);
    assert.equal(lines.length, 1, text.slice(0, 20));
    assert.match(lines[0]!, /is nested too deeply/);
  }
});

test('aliases that multiply are refused', () => {
  const levels = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
  for (let index = 1; index < 12; index++) {
    const [name, inner] = [String.fromCharCode(97 + index), String.fromCharCode(96 + index)];
    levels.push(`${name}: &${name} [${Array(10).fill(`*${inner}`).join(',')}]`);
  }
  assert.match(load(levels.join('\n')).join('\n'), /aliases repeat too much/);
});

test('an alias into itself is refused', () => {
  assert.match(load('listen: &a [*a]').join('\n'), /is nested too deeply/);
});

test('an alias means the anchor before it, whatever other aliases were read', () => {
  const text = [
    'routes:',
    '  - {id: 1, uri: /, upstream: &u {nodes: &n {"a:1": 1}}}',
    '  - {id: 2, uri: /, upstream: {nodes: &n {"b:2": 2}}}',
    '  - {id: 3, uri: /, upstream: *u}',
    '  - {id: 4, uri: /, upstream: {nodes: *n}}',
  ].join('\n');
  const result = loadText(text, 'c.yaml', {});
  assert.ok(result.ok);
  const hosts = result.document.routes.map((route) => route.upstream?.nodes?.[0]?.host);
  assert.deepEqual(hosts, ['a', 'b', 'a', 'b']);
});

test('many mistakes are found in little time', () => {
  const routes = Array.from({ length: 3000 }, (_, index) => `  - {id: 1, uri: a, x: y, upstream_id: u${index}}`);
  const upstreams = Array.from({ length: 3000 }, (_, index) => `  - {id: upstream${index}, nodes: {x: 1}}`);
  const text = ['routes:', ...routes, 'upstreams:', ...upstreams].join('\n');
  assert.equal(load(text).length, 3000 * 4 - 1 + 3000);
});

const PIECES = [
  ...[
    'routes',
    'upstreams',
    'services',
    'stream_routes',
    'listen',
    'discovery',
    'consul',
    'nodes',
    'upstream',
    'id',
    'uri',
  ],
  ...[
    'checks',
    'active',
    'timeout',
    'host',
    'port',
    'a:80',
    '"a:80"',
    '/x',
    '0x1',
    '-1',
    '1e999',
    'null',
    '~',
    'true',
    '.nan',
  ],
  ...[
    ': ',
    ':',
    '\n',
    '\n  ',
    '\n    ',
    '- ',
    '\n  - ',
    '[',
    ']',
    '{',
    '}',
    ', ',
    '"',
    "'",
    '|',
    '>',
    '#',
    '&a ',
    '*a',
    '!!str ',
    '!x ',
  ],
  ...[
    '? ',
    '%YAML 1.1',
    '---',
    '...',
    '<<',
    '__proto__',
    'constructor',
    '\t',
    '\r',
    '\0',
    '\u{1f600}',
    '\ud800',
    '${A',
    '${A}',
    '$${',
  ],
];

/** The line is whole, on one line, and without a trace of the program's insides. */
function assertSound(lines: readonly string[]): void {
  for (const line of lines) {
    assert.match(line, /^c\.yaml:[1-9]\d*:[1-9]\d*: ./);
    assert.doesNotMatch(line, /[\n\r]|\bat .*\.ts:|TypeError|undefined/);
  }
}

test('no text brings the reader down', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => assertSound(load(text))),
    { numRuns: 500 },
  );
});

test('no bytes bring the reader down', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assertSound(load(Buffer.from(bytes).toString('latin1')))),
    { numRuns: 500 },
  );
});

test('nothing that looks like a configuration brings the reader down', () => {
  const texts = fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(texts, (text) => assertSound(load(text))),
    { numRuns: 2000 },
  );
});
