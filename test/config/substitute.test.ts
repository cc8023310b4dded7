// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadText } from '../../src/config/load.ts';
import { parseYaml } from '../../src/config/yaml/parse.ts';
import { type Environment, substitute } from '../../src/config/yaml/substitute.ts';

function replaced(text: string, environment: Environment = {}): string {
  const result = substitute(text, environment);
  assert.ok(result.ok);
  return result.text;
}

function data(text: string, environment: Environment): unknown {
  const parsed = parseYaml(text, 'c.yaml', environment);
  assert.deepEqual(parsed.problems, []);
  return parsed.data;
}

test('variables are replaced by what they hold', () => {
  assert.equal(replaced('a ${A} b ${B}${A}', { A: '1', B: '2' }), 'a 1 b 21');
});

test('a default stands in for what is absent or empty, and only then', () => {
  assert.equal(replaced('${A:-x}', {}), 'x');
  assert.equal(replaced('${A:-x}', { A: '' }), 'x');
  assert.equal(replaced('${A:-x}', { A: 'y' }), 'y');
  assert.equal(replaced('${A:-http://h:1/${}', {}), 'http://h:1/${');
});

test('a variable that is set but empty is empty', () => {
  assert.equal(replaced('[${A}]', { A: '' }), '[]');
});

test('what a variable holds is not searched again', () => {
  assert.equal(replaced('${A}', { A: '${B}', B: 'no' }), '${B}');
});

test('a doubled dollar writes the braces themselves', () => {
  assert.equal(replaced('$${A} $5 ${A}', { A: 'x' }), '${A} $5 x');
});

test('names that every object has are not variables', () => {
  assert.equal(substitute('${constructor}', {}).ok, false);
});

test('without quotes the result is read like any other value, in quotes it is text', () => {
  const environment = { N: '8', T: 'true', S: 'a: [b] # c', E: '' };
  assert.deepEqual(data('{n: 1}', environment), { n: 1 });
  const text = 'n: ${N}\nq: "${N}"\nt: ${T}\nf: ${N}.5\nh: 0x1${N}\ns: ${S}\nb: |\n  ${S}\n';
  assert.deepEqual(data(text, environment), {
    n: 8,
    q: '8',
    t: true,
    f: 8.5,
    h: 24,
    s: 'a: [b] # c',
    b: 'a: [b] # c\n',
  });
});

test('a setting that substitution leaves empty counts as not written', () => {
  assert.deepEqual(data('a: ${E}\nb: "${E}"\nc:\n  - ${E}\n', { E: '' }), { b: '', c: [null] });
});

test('keys and comments are left alone', () => {
  assert.deepEqual(data('"${A}": 1 # ${B}', {}), { '${A}': 1 });
});

test('a configuration takes its values from the environment', () => {
  const text = 'workers: ${WORKERS}\nlisten: ["0.0.0.0:${PORT:-9080}"]\ndiscovery:\n  consul:\n    token: ${TOKEN:-}\n';
  const result = loadText(text, 'c.yaml', { WORKERS: '3' });
  assert.ok(result.ok);
  assert.equal(result.document.workers, 3);
  assert.deepEqual(result.document.listen, [{ address: '0.0.0.0:9080' }]);
  assert.equal(result.document.discovery.consul?.token, undefined);
});
