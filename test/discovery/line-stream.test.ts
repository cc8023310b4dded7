import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Agent } from 'undici';
import { LineStream } from '../../src/discovery/line-stream.ts';

describe('a stream of lines', () => {
  const agent = new Agent();
  const server = createServer();
  const { signal } = new AbortController();
  let stream: LineStream;
  let answer: ServerResponse;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  beforeEach(async () => {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const asked = once(server, 'request');
    const replied = agent.request({ origin, path: '/', method: 'GET' });
    answer = ((await asked) as [unknown, ServerResponse])[1];
    answer.flushHeaders();
    stream = new LineStream((await replied).body);
  });
  after(async () => {
    await agent.destroy();
    server.closeAllConnections();
    server.close();
  });

  /** As an API server writes events: each by itself. */
  const send = (text: string) => new Promise((resolve) => answer.write(text, () => setTimeout(resolve, 2)));

  it('gives at once everything that has come in since the last time, in whatever pieces', async () => {
    await send('1\n');
    assert.deepEqual(await stream.next(signal), [1]);
    for (let line = 2; line <= 50; line++) await send(`{"n":${line},"text":"${'x'.repeat(4000)}"}\n`);
    await send('"half');
    const lines = [];
    // The last piece may still be under way; the others are not to need a turn each.
    let turns = 0;
    for (; lines.length < 49; turns++) lines.push(...((await stream.next(signal)) ?? []));
    assert.ok(turns <= 3, `${turns} turns`);
    await send('"\n');
    assert.deepEqual(await stream.next(signal), ['half']);
  });

  it('gives what came before the end, then tells of the end', async () => {
    answer.end('1\n\n2\n');
    const lines = [];
    for (let next = await stream.next(signal); next !== null; next = await stream.next(signal)) lines.push(...next);
    assert.deepEqual(lines, [1, 2]);
  });

  it('rejects what ends within a line', async () => {
    await send('1\nno');
    assert.deepEqual(await stream.next(signal), [1]);
    answer.end();
    await assert.rejects(stream.next(signal), /in the middle of a line/);
  });

  it('rejects what is cut off, after what came before', async () => {
    await send('1\n');
    answer.socket?.resetAndDestroy();
    assert.deepEqual(await stream.next(signal), [1]);
    await assert.rejects(stream.next(signal));
  });

  it('rejects when it is closed or aborted, also while it waits', async () => {
    const waiting = assert.rejects(stream.next(signal));
    stream.close();
    await waiting;
    await assert.rejects(stream.next(AbortSignal.abort()));
  });

  it('rejects what is not JSON', async () => {
    await send('no\n');
    await assert.rejects(stream.next(signal), /a line that is not JSON \(beginning "no"\)/);
  });
});
