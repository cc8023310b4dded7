import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadgateError } from '../../src/core/errors.ts';
import { createEventLog } from '../../src/telemetry/event-log.ts';

function create(level: 'debug' | 'info' | 'warn' | 'error', isTTY = false) {
  const lines: string[] = [];
  return { lines, log: createEventLog(level, { isTTY, write: (line) => void lines.push(line) }) };
}

test('an event is one JSON line with its time, level, name and fields', () => {
  const { lines, log } = create('info');
  log.warn('discovery.held', 'a change is held back\nfor 30 s', { service: 'orders\r\n{"level":"error"}', nodes: 3 });
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^[^\n]+\n$/);
  const { time, ...rest } = JSON.parse(lines[0]!);
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    level: 'warn',
    event: 'discovery.held',
    message: 'a change is held back\nfor 30 s',
    service: 'orders\r\n{"level":"error"}',
    nodes: 3,
  });
});

test('events below the level are not written', () => {
  const { lines, log } = create('warn');
  log.debug('a.debug', 'no');
  log.info('a.info', 'no');
  log.warn('a.warn', 'yes');
  log.error('a.error', 'yes');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).event),
    ['a.warn', 'a.error'],
  );
});

test('errors are one line without a stack, and odd values do not throw', () => {
  const { lines, log } = create('info');
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = new HeadgateError('the registry does not answer', { code: 'X', source: 'upstream', cause });
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  log.error('a.b', 'failed', { error, big: 12n, circular, missing: undefined });
  const parsed = JSON.parse(lines[0]!);
  assert.match(parsed.error, /^the registry does not answer.*connect ECONNREFUSED$/);
  assert.equal(parsed.big, '12');
  assert.ok(!lines[0]!.includes('event-log.test'));
});

test('on a terminal: a line for people, which cannot steer the terminal', () => {
  const { lines, log } = create('debug', true);
  log.info('worker.started', 'worker is up\u001b[2J', { worker: 1, name: 'a\u001b]0;x\u0007 b', host: '10.0.0.1:80' });
  const [line = ''] = lines;
  const plain = line.replaceAll(/\u001b\[\d+m/g, '');
  assert.match(plain, /^\d\d:\d\d:\d\d INFO {2}worker is up\\x1b\[2J worker=1 name=".+ b" host=10\.0\.0\.1:80\n$/);
  assert.doesNotMatch(plain, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});
