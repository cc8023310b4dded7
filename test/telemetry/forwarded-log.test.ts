import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { createForwardedLog, type ForwardedEvent, LEVELS, replayEvent } from '../../src/telemetry/forwarded-log.ts';
import { RecordingLog } from '../support/recording-log.ts';

test('events cross the thread boundary with their level, fields and worker', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const log = createForwardedLog((event) => port1.postMessage(event));
  const target = new RecordingLog();
  for (const level of LEVELS) {
    log[level](`area.${level}`, 'a message', { nodes: ['a', 'b'] });
    const [event] = (await once(port2, 'message')) as [ForwardedEvent];
    replayEvent(target, 3, event);
  }
  assert.deepEqual(
    target.events,
    LEVELS.map((level) => ({
      level,
      event: `area.${level}`,
      message: 'a message',
      fields: { nodes: ['a', 'b'], worker: 3 },
    })),
  );
});

test('what cannot cross the boundary crosses as text', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const log = createForwardedLog((event) => port1.postMessage(event));
  log.info('a.b', 'no fields');
  log.info('a.b', 'odd fields', {
    call: () => 1,
    symbol: Symbol('s'),
    inner: { call: () => 1 },
    error: new Error('why'),
  });
  const [plain] = (await once(port2, 'message')) as [ForwardedEvent];
  const [odd] = (await once(port2, 'message')) as [ForwardedEvent];
  assert.deepEqual(plain.fields, {});
  assert.equal(odd.fields.error, 'Error: why');
  assert.equal(odd.fields.symbol, 'Symbol(s)');
  assert.equal(typeof odd.fields.inner, 'string');
  assert.equal(typeof odd.fields.call, 'string');
});
