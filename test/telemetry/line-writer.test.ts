import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LineSink, WriteResult } from '../../src/telemetry/line-sink.ts';
import { LineWriter } from '../../src/telemetry/line-writer.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';

/** Writes end when the test says so. */
class ManualSink implements LineSink {
  readonly batches: string[] = [];
  opened = 1;
  closed = false;
  reopenError: Error | null = null;
  #finish: ((result: WriteResult) => void) | null = null;

  write(text: string): Promise<WriteResult> {
    assert.equal(this.#finish, null, 'one write at a time');
    this.batches.push(text);
    return new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  async answer(error: Error | null = null, written?: number): Promise<void> {
    const finish = this.#finish;
    assert.ok(finish, 'a write is under way');
    this.#finish = null;
    finish({ written: written ?? (error ? 0 : this.batches.at(-1)!.length), error });
    await settle();
  }

  async reopen(): Promise<boolean> {
    if (this.reopenError) throw this.reopenError;
    this.opened += 1;
    return true;
  }

  abort(): void {
    this.#finish?.({ written: 0, error: new Error('given up') });
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function create(limit = 1000) {
  const clock = new FakeClock();
  const sink = new ManualSink();
  const log = new RecordingLog();
  return { clock, sink, log, writer: new LineWriter({ sink, clock, log, name: 'test', limit }) };
}

const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

test('lines gather for a moment and are written together', async () => {
  const { clock, sink, writer } = create();
  writer.append('a\n');
  writer.append('b\n');
  assert.deepEqual(sink.batches, []);
  await clock.run(100);
  assert.deepEqual(sink.batches, ['a\nb\n']);
  writer.append('c\n');
  await clock.run(1000);
  assert.equal(sink.batches.length, 1, 'not while a write is under way');
  await sink.answer();
  assert.deepEqual(sink.batches, ['a\nb\n', 'c\n']);
  await sink.answer();
  assert.equal(writer.dropped, 0);
});

test('a large batch does not wait', async () => {
  const { sink, writer } = create(1_000_000);
  writer.append(`${'x'.repeat(70_000)}\n`);
  await settle();
  assert.equal(sink.batches.length, 1);
});

test('memory is bounded, what is being written included; the loss is counted and told once a minute', async () => {
  const { clock, sink, log, writer } = create(100);
  const line = `${'x'.repeat(39)}\n`;
  writer.append(line);
  writer.append(line);
  await clock.run(100);
  writer.append(line);
  assert.equal(writer.dropped, 1, '80 bytes are being written, 40 more are over the limit');
  for (let count = 0; count < 10; count++) writer.append(line);
  assert.deepEqual(log.names, ['test.overflow']);
  await sink.answer();
  writer.append(line);
  assert.equal(writer.dropped, 11);
  await clock.run(60_000);
  for (let count = 0; count < 3; count++) writer.append(line);
  assert.deepEqual(log.names, ['test.overflow', 'test.overflow']);
});

test('a failed write costs its lines, is told once, and is followed by a pause', async () => {
  const { clock, sink, log, writer } = create();
  writer.append('a\n');
  writer.append('b\n');
  await clock.run(100);
  await sink.answer(full);
  assert.equal(writer.dropped, 2);
  writer.append('c\n');
  await clock.run(900);
  assert.equal(sink.batches.length, 1, 'it pauses');
  await clock.run(200);
  await sink.answer(full);
  writer.append('d\n');
  await clock.run(1100);
  assert.deepEqual(log.names, ['test.write-failed']);
  assert.match(log.events[0]!.message, /no space left on device \(ENOSPC\)/);
  await sink.answer();
  assert.deepEqual(log.names, ['test.write-failed', 'test.recovered']);
  assert.equal(log.events[1]!.fields.dropped, 3);
  assert.equal(sink.batches.at(-1), 'd\n');
});

test('a large batch respects the pause, too', async () => {
  const { clock, sink, writer } = create(1_000_000);
  writer.append('a\n');
  await clock.run(100);
  await sink.answer(full);
  writer.append(`${'x'.repeat(70_000)}\n`);
  await settle();
  assert.equal(sink.batches.length, 1);
});

test('of a batch that was written in part, only the lines that are missing count as lost', async () => {
  const { clock, sink, writer } = create();
  for (const line of ['aa\n', 'bb\n', 'cc\n']) writer.append(line);
  await clock.run(100);
  await sink.answer(full, 4);
  assert.equal(writer.dropped, 2);
});

test('reopens between two writes, also when nothing is to be written', async () => {
  const { clock, sink, log, writer } = create();
  writer.append('a\n');
  await clock.run(100);
  writer.reopen();
  assert.equal(sink.opened, 1, 'not during a write');
  await sink.answer();
  assert.equal(sink.opened, 2);
  writer.reopen();
  await settle();
  assert.equal(sink.opened, 3);
  assert.deepEqual(log.names, ['test.reopened', 'test.reopened']);
});

test('a file that cannot be opened anew leaves the old one in use', async () => {
  const { clock, sink, log, writer } = create();
  sink.reopenError = new Error('permission denied');
  writer.reopen();
  await settle();
  writer.append('a\n');
  await clock.run(200);
  assert.deepEqual(sink.batches, ['a\n']);
  assert.deepEqual(log.names, ['test.reopen-failed']);
});

test('close writes what is left and closes the sink; later lines count as lost', async () => {
  const { clock, sink, writer } = create();
  writer.append('a\n');
  await clock.run(100);
  writer.append('b\n');
  const closed = writer.close(clock.now() + 1000);
  assert.equal(writer.close(0), closed, 'idempotent');
  writer.append('late\n');
  await sink.answer();
  await sink.answer();
  await closed;
  assert.deepEqual(sink.batches, ['a\n', 'b\n']);
  assert.equal(sink.closed, true);
  assert.equal(writer.dropped, 1);
});

test('close does not wait for a destination beyond its deadline', async () => {
  const { clock, sink, writer } = create();
  writer.append('a\n');
  await clock.run(100);
  writer.append('b\n');
  let closed = false;
  const closing = writer.close(clock.now() + 1000).then(() => {
    closed = true;
  });
  await clock.run(999);
  assert.equal(closed, false);
  await clock.run(2);
  await closing;
  await settle();
  assert.equal(writer.dropped, 2);
  assert.equal(sink.closed, true);
});

test('close gives up at the first write that fails', async () => {
  const { clock, sink, writer } = create();
  writer.append('a\n');
  const closing = writer.close(clock.now() + 1000);
  await settle();
  await sink.answer(full);
  await closing;
  assert.equal(writer.dropped, 1);
});
