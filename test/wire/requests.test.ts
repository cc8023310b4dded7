import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { TestPlane, until } from '../support/plane.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { WireBackend, type WireTaken } from '../support/wire-backend.ts';
import { drip, pieces } from '../support/wire-client.ts';
import { bytesOf, get, type Sent, served, type WireRow } from '../support/wire-rows.ts';
import { FIELDS } from './rows/fields.ts';
import { FRAMING } from './rows/framing.ts';
import { HOPS } from './rows/hops.ts';
import { START_LINES } from './rows/start-lines.ts';

/** How a row is brought to the proxy. */
interface Delivery {
  readonly name: string;
  /** Another request was served on the connection before. */
  readonly second: boolean;
  /** Another request is behind it at once. */
  readonly pipelined: boolean;
  readonly split: boolean;
}

const DELIVERIES: readonly Delivery[] = [
  { name: 'alone', second: false, pipelined: false, split: false },
  { name: 'byte by byte', second: false, pipelined: false, split: true },
  { name: 'second on its connection', second: true, pipelined: false, split: false },
  { name: 'with a request behind it', second: false, pipelined: true, split: false },
  { name: 'between two, byte by byte', second: true, pipelined: true, split: true },
];

const FIRST = served('first', get('A: first').replace('/', '/first'), { line: 'GET /first', fields: 'A: first\r\n' });
const INNOCENT = served('innocent', get('A: innocent').replace('/', '/innocent'), {
  line: 'GET /innocent',
  fields: 'A: innocent\r\n',
});

const GROUPS: readonly (readonly [string, readonly WireRow[]])[] = [
  ['start lines', START_LINES],
  ['fields', FIELDS],
  ['framing', FRAMING],
  ['hop-by-hop fields, expectations, upgrades', HOPS],
];

let plane: TestPlane;
let backend: WireBackend;
let port = 0;
const random = seededRandom(7);

/** The answer to a row, and nothing but that. */
async function readAnswer(client: RawClient, row: WireRow): Promise<void> {
  const answer = await client.response(row.sent?.line.startsWith('HEAD ') && !row.isCut);
  assert.equal(answer.status, row.status);
  assert.equal(answer.fields.get('connection') === 'close', row.closes, 'the answer says whether the connection ends');
  if (answer.status === 200) assertEcho(answer, row.sent!);
  else assert.match(String(answer.body), /^\{"error_msg":"[^"]+(?:\\"[^"]*)*"\}\n$/);
}

function assertEcho(answer: RawResponse, sent: Sent): void {
  const asked = answer.fields.get('x-asked') ?? '';
  assert.ok(asked.startsWith(`${sent.line} `), `${asked} is the answer to something else`);
}

async function deliver(client: RawClient, row: WireRow, how: Delivery): Promise<void> {
  const bytes = how.pipelined ? row.raw + INNOCENT.raw : row.raw;
  if (how.split) {
    const all = how.second ? FIRST.raw + bytes : bytes;
    void drip(client, pieces(all, random));
    if (how.second) await readAnswer(client, FIRST);
    return;
  }
  if (how.second) {
    client.write(FIRST.raw);
    await readAnswer(client, FIRST);
  }
  client.write(bytes);
}

async function check(row: WireRow, how: Delivery): Promise<void> {
  const client = await RawClient.connect(port);
  try {
    await deliver(client, row, how);
    await readAnswer(client, row);
    if (row.closes) {
      assert.equal(await client.ended(), 'fin');
    } else {
      if (!how.pipelined) client.write(INNOCENT.raw);
      await readAnswer(client, INNOCENT);
    }
    assert.equal(String(client.received), '', 'nothing follows the answers');
  } finally {
    client.close();
  }
  await until(() => backend.halfFed === 0);
  checkSent(row, how, backend.take());
  checkLog(row, how);
}

/** What the node got, byte for byte. */
function checkSent(row: WireRow, how: Delivery, taken: WireTaken): void {
  const node = `127.0.0.1:${backend.address.port}`;
  const wanted = [how.second ? FIRST : null, row.isCut ? null : row, row.closes ? null : INNOCENT];
  const bytes = wanted.map((each) => each?.sent ?? null).filter((sent) => sent !== null);
  assert.deepEqual(taken.problems, []);
  assert.deepEqual(
    taken.whole,
    bytes.map((sent) => bytesOf(sent, port, node)),
  );
  if (!row.isCut) return assert.deepEqual(taken.partial, []);
  const head = bytesOf({ ...row.sent!, body: '' }, port, node);
  for (const partial of taken.partial) assert.ok(partial.startsWith(head) || head.startsWith(partial), partial);
  assert.ok(taken.partial.length <= 1);
}

/** The access log claims neither more nor less than what happened. */
function checkLog(row: WireRow, how: Delivery): void {
  const entries = plane.entries.splice(0);
  const statuses = [...(how.second ? [200] : []), row.status, ...(row.closes ? [] : [200])];
  assert.deepEqual(
    entries.map((entry) => entry.status),
    statuses,
  );
  const entry = entries[how.second ? 1 : 0]!;
  if (row.sent === null) assert.deepEqual(entry.tries, []);
  assert.equal(entry.end.by, row.status === 200 || row.status === 404 ? 'self' : 'client');
}

describe('requests, raw bytes in and raw bytes out', () => {
  before(async () => {
    backend = await WireBackend.start();
    plane = new TestPlane({ nodes: [backend.address], route: { websocket: true } });
    port = await plane.start();
  });

  after(async () => {
    await plane.close();
    await backend.close();
    assert.deepEqual(plane.errors, []);
    assert.equal(plane.inflight, 0);
    assert.equal(plane.users, 0);
  });

  for (const [group, rows] of GROUPS) {
    describe(group, () => {
      for (const row of rows) {
        it(`${row.name}: ${row.isCut ? `${row.status}, cut` : row.status}${row.closes ? ', closes' : ''}`, async () => {
          for (const how of DELIVERIES) {
            try {
              await check(row, how);
            } catch (error) {
              backend.take();
              plane.entries.splice(0);
              if (error instanceof Error) error.message = `${how.name}: ${error.message}`;
              throw error;
            }
          }
        });
      }
    });
  }

  it('has no row twice', () => {
    const raws = GROUPS.flatMap(([, rows]) => rows.map((row) => row.raw));
    assert.equal(new Set(raws).size, raws.length);
    assert.ok(raws.length >= 200);
  });
});
