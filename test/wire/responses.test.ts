import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { TestPlane, until } from '../support/plane.ts';
import { RawClient } from '../support/raw-client.ts';
import type { AnswerRow } from '../support/wire-answers.ts';
import { pieces } from '../support/wire-client.ts';
import { type Asked, perform, ScriptedNode, type Step } from '../support/wire-node.ts';
import { ANSWERS } from './rows/answers.ts';

const random = seededRandom(11);

/** How the node's answer comes. */
const DELIVERIES: readonly (readonly [string, (steps: readonly Step[]) => Step[]])[] = [
  ['as written', (steps) => [...steps]],
  ['in one piece', inOnePiece],
  ['byte by byte', byteByByte],
];

function inOnePiece(steps: readonly Step[]): Step[] {
  const text = steps.filter((step) => typeof step === 'string').join('');
  return [text, ...steps.filter((step) => typeof step !== 'string')].filter((step) => step !== '');
}

function byteByByte(steps: readonly Step[]): Step[] {
  return steps.flatMap((step): Step[] => (typeof step === 'string' ? pieces(step, random) : [step]));
}

let plane: TestPlane;
let node: ScriptedNode;
let port = 0;
let steps: readonly Step[] = [];

function answer(asked: Asked): void {
  if (asked.target === '/row') void perform(asked.socket, steps);
  else asked.socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnext');
}

/** Takes a chunked body off the front of `text`, read strictly; returns it and what follows. */
function unchunk(text: string): [body: string, rest: string] {
  let body = '';
  for (let at = 0; ; ) {
    const size = /^[0-9a-f]+\r\n/.exec(text.slice(at));
    assert.ok(size !== null, `no chunk size at ${JSON.stringify(text.slice(at, at + 20))}`);
    const length = Number.parseInt(size[0], 16);
    const start = at + size[0].length;
    assert.equal(text.slice(start + length, start + length + 2), '\r\n');
    if (length === 0) return [body, text.slice(start + 2)];
    body += text.slice(start, start + length);
    at = start + length + 2;
  }
}

/** The length of what the client must see when the chunks are the proxy's; -1 as long as they do not end. */
function rechunkedLength(row: AnswerRow, bytes: Buffer): number {
  const text = bytes.toString('latin1');
  return text.startsWith(row.seen) && text.endsWith('\r\n0\r\n\r\n') ? text.length : -1;
}

async function checkSeen(row: AnswerRow, client: RawClient): Promise<void> {
  if (row.end === 'reset') {
    assert.equal(await client.ended(), 'reset');
    const got = client.received.toString('latin1');
    if (row.rechunked === null) assert.ok(row.seen.startsWith(got), `the client saw ${JSON.stringify(got)}`);
    else assert.ok(!got.endsWith('\r\n0\r\n\r\n'), 'the client cannot take it for the whole');
    return;
  }
  if (row.end === 'fin') assert.equal(await client.ended(), 'fin');
  const { rechunked } = row;
  const got = await client.take((bytes) => (rechunked === null ? row.seen.length : rechunkedLength(row, bytes)));
  const text = got.toString('latin1');
  assert.equal(text.slice(0, row.seen.length), row.seen);
  if (rechunked !== null) assert.deepEqual(unchunk(text.slice(row.seen.length)), [rechunked, '']);
  assert.equal(String(client.received), '', 'nothing follows the answer');
}

/** The next request gets its own answer, on the same connection to the node or on another. */
async function checkNext(row: AnswerRow, client: RawClient): Promise<void> {
  if (!row.reused) await until(() => node.open === 0);
  const next = row.end === 'open' ? client : await RawClient.connect(port);
  const response = await next.get('/next');
  assert.equal(String(response.body), 'next');
  next.close();
  await until(() => node.open === 0);
  const [first, second] = node.asked.splice(0);
  assert.equal(second?.target, '/next', 'the row was asked for once');
  assert.equal(second?.connection === first?.connection, row.reused);
}

async function check(row: AnswerRow, as: (steps: readonly Step[]) => Step[]): Promise<void> {
  steps = as(row.steps);
  const client = await RawClient.connect(port);
  try {
    client.write(`${row.ask}\r\n`);
    await checkSeen(row, client);
    await checkNext(row, client);
  } finally {
    client.close();
  }
  await until(() => plane.listener.connections === 0);
  assert.equal(plane.inflight, 0);
  checkLog(row);
}

function checkLog(row: AnswerRow): void {
  const [entry, next, ...more] = plane.entries.splice(0);
  assert.deepEqual([entry?.path, next?.path, more.length], ['/row', '/next', 0]);
  const isWhole = entry?.end.phase === 'done';
  assert.equal(isWhole, row.end !== 'reset' && !row.seen.startsWith('HTTP/1.1 502'));
  if (!isWhole) assert.equal(entry?.end.by, 'upstream');
}

describe('responses, raw bytes in and raw bytes out', () => {
  before(async () => {
    node = await ScriptedNode.start(answer);
    plane = new TestPlane({ nodes: [node.address], route: { websocket: true } });
    port = await plane.start();
  });

  after(async () => {
    await plane.close();
    await node.close();
    assert.deepEqual(plane.errors, []);
    assert.equal(plane.users, 0);
  });

  for (const [group, rows] of ANSWERS) {
    describe(group, () => {
      for (const row of rows) {
        it(`${row.name}: ${row.end}${row.reused ? ', kept' : ''}`, async () => {
          for (const [name, as] of DELIVERIES) {
            try {
              await check(row, as);
            } catch (error) {
              node.asked.length = 0;
              plane.entries.length = 0;
              if (error instanceof Error) error.message = `${name}: ${error.message}`;
              throw error;
            }
          }
        });
      }
    });
  }
});
