import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { normalisePath } from '../../src/l7/path.ts';

const ROWS: readonly (readonly [path: string, normal: string | null])[] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a/b/', '/a/b/'],
  ['/.well-known/x', '/.well-known/x'],
  ['/...', '/...'],
  ['/a..b/..c/d..', '/a..b/..c/d..'],
  ['/a;v=1/b', '/a;v=1/b'],
  ['//', '/'],
  ['//a', '/a'],
  ['/a//b///', '/a/b/'],
  ['/.', '/'],
  ['/./', '/'],
  ['/./a', '/a'],
  ['/a/.', '/a/'],
  ['/a/..', '/'],
  ['/a/../', '/'],
  ['/a/b/..', '/a/'],
  ['/a/b/../..', '/'],
  ['/a/b/../../c', '/c'],
  ['/a//../b', '/b'],
  ['/..', null],
  ['/../a', null],
  ['/a/../../b', null],
  ['//..', null],
  ['/%2e', '/'],
  ['/%2E%2e/a', null],
  ['/a/%2e./b', '/b'],
  ['/a/.%2E', '/'],
  ['/%41%7a%30%2D%2e%5F%7E', '/Az0-._~'],
  ['/%c3%A9', '/%C3%A9'],
  ['/%20%25%3f%23', '/%20%25%3F%23'],
  ['/%252e%252e/', '/%252e%252e/'],
  ['/%0d%0a', '/%0D%0A'],
  ['/a%2fb', null],
  ['/a%2Fb', null],
  ['/a%5cb', null],
  ['/a%00', null],
  ['/a\\b', null],
  ['/..\\', null],
  ['/%', null],
  ['/%4', null],
  ['/%4x', null],
  ['/%x4', null],
  ['/%%41', null],
  ['/a%2', null],
  ['/%u002e', null],
];

const piece = fc.constantFrom(
  '/',
  '/',
  '.',
  '..',
  'a',
  'B',
  '~',
  '%2e',
  '%2E',
  '%41',
  '%c3',
  '%20',
  '%25',
  ';',
  '%2f',
  '%',
);
const paths = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

describe('normalisePath', () => {
  it('gives each path its one form', () => {
    for (const [path, normal] of ROWS) assert.equal(normalisePath(path), normal, path);
  });

  it('has nothing left to do on its own result', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const normal = normalisePath(path);
        if (normal !== null) assert.equal(normalisePath(normal), normal);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  it('leaves no dot segment, no empty segment and no escape of an unreserved character, however it is written', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const normal = normalisePath(path);
        if (normal === null) return;
        assert.match(normal, /^\//);
        assert.doesNotMatch(normal, /\/\/|\/\.{1,2}(\/|$)|%2e|%41|%[a-f]|%.[a-f]/);
      }),
      { numRuns: 2000, seed: 8 },
    );
  });

  it('agrees with the WHATWG URL parser where both have an answer', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const normal = normalisePath(path);
        if (normal === null || path.includes('//') || /%(?!2[eE])/.test(path)) return;
        assert.equal(normal, new URL(`http://h${path}`).pathname.replace(/%2e/gi, '.'));
      }),
      { numRuns: 2000, seed: 9 },
    );
  });
});
