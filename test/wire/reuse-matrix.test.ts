import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { TestPlane, until } from '../support/plane.ts';
import { RawClient } from '../support/raw-client.ts';
import { type Asked, FIN, perform, RESET, ScriptedNode, type Step } from '../support/wire-node.ts';

const METHODS = ['GET', 'PUT', 'POST'] as const;
type Method = (typeof METHODS)[number];

/** How much of a request with a body has been sent when the node acts. A GET is always whole. */
type Sent = 'whole' | 'half' | 'head';

interface Fault {
  readonly name: string;
  readonly methods: readonly Method[];
  readonly sent: Sent;
  readonly steps: readonly Step[];
  /** The connection dies without a byte of an answer: the only case in which anything may be sent again. */
  readonly silent: boolean;
  /** Status that the client sees when nothing is sent again; 0 for a reset. */
  readonly status: number;
  /** The connection to the node carries another request afterwards. */
  readonly kept: boolean;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const WITH_BODY = ['PUT', 'POST'] as const;

function fault(name: string, steps: readonly Step[], more: Partial<Fault>): Fault {
  return { name, methods: METHODS, sent: 'whole', steps, silent: false, status: 200, kept: false, ...more };
}

function deaths(name: string, before: readonly Step[], more: Partial<Fault>): Fault[] {
  return [fault(`${name}, FIN`, [...before, FIN], more), fault(`${name}, RST`, [...before, RESET], more)];
}

const FAULTS: readonly Fault[] = [
  ...deaths('the request is here', [], { silent: true, status: 502 }),
  ...deaths('half of the body is here', [], { silent: true, status: 502, sent: 'half', methods: WITH_BODY }),
  ...deaths('the head is here and the body awaits 100', [], {
    silent: true,
    status: 502,
    sent: 'head',
    methods: WITH_BODY,
  }),
  ...deaths('behind 100', ['HTTP/1.1 100 Continue\r\n\r\n'], { status: 502, sent: 'half', methods: WITH_BODY }),
  ...deaths('one byte of the answer', ['H'], { status: 502 }),
  ...deaths('part of the head', [`${OK}Content-`], { status: 502 }),
  ...deaths('part of the body', [`${OK}Content-Length: 9\r\n\r\nabc`], { status: 0 }),
  ...deaths('part of the chunks', [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`], { status: 0 }),
  ...deaths('the whole answer', [`${OK}Content-Length: 3\r\n\r\nabc`], {}),
  fault('an early answer', [`${OK}Content-Length: 3\r\n\r\nabc`], { sent: 'half', methods: WITH_BODY }),
  fault('an early answer instead of 100', ['HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n'], {
    sent: 'head',
    status: 413,
    methods: WITH_BODY,
  }),
  fault(
    'extra bytes',
    [`${OK}Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nX-Tag: wrong\r\nContent-Length: 0\r\n\r\n`],
    {},
  ),
  fault('not an answer', ['nonsense\r\n\r\n'], { status: 502 }),
  fault('204', ['HTTP/1.1 204 X\r\n\r\n'], { status: 204, kept: true }),
  fault('304', ['HTTP/1.1 304 X\r\nContent-Length: 3\r\n\r\n'], { status: 304, kept: true }),
  fault('a hint that the connection stays', [`${OK}Keep-Alive: timeout=60\r\nContent-Length: 0\r\n\r\n`], {
    kept: true,
  }),
  fault('a hint that the connection ends', [`${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`], {}),
  fault('an answer of HTTP/1.0', ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'], {}),
];

const BODY = 'GET /stolen HTTP/1.1\r\nHost: t\r\n\r\n';
const FAULTY = '/faulty';

/** The rule, in the words of research rather than of the code: what may be sent again, and what becomes of it. */
function verdict(each: Fault, method: Method, reused: boolean, nodes: number): { status: number; arrivals: number } {
  const bodyGone = method !== 'GET' && each.sent !== 'head';
  const repeatable = each.silent && method !== 'POST' && !bodyGone;
  const again = repeatable && (reused || nodes > 1);
  return again ? { status: 200, arrivals: 2 } : { status: each.status, arrivals: 1 };
}

interface Stage {
  readonly plane: TestPlane;
  readonly nodes: readonly ScriptedNode[];
  readonly port: number;
  /** Every request that reached a node, in order. */
  readonly asked: Asked[];
  /** What is done with the first arrival of `FAULTY`. */
  arm(): Promise<Asked>;
  client(): Promise<RawClient>;
}

function reply({ socket, target }: Asked): void {
  socket.write(`${OK}X-Tag: ${target}\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
}

async function stage(t: TestContext, count: number): Promise<Stage> {
  const asked: Asked[] = [];
  let caught: ((asked: Asked) => void) | null = null;
  const script = (each: Asked): void => {
    asked.push(each);
    if (each.target !== FAULTY || caught === null) {
      if (/\r\nExpect/.test(each.head)) each.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      return reply(each);
    }
    caught(each);
    caught = null;
  };
  const nodes = await Promise.all(Array.from({ length: count }, () => ScriptedNode.start(script)));
  const plane = new TestPlane({ nodes: nodes.map((node) => node.address) });
  const port = await plane.start();
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await plane.close();
    for (const node of nodes) await node.close();
    assert.deepEqual(plane.errors, []);
    assert.equal(plane.inflight, 0);
    assert.equal(plane.users, 0);
  });
  const client = async (): Promise<RawClient> => {
    const made = await RawClient.connect(port);
    clients.push(made);
    return made;
  };
  return { plane, nodes, port, asked, client, arm: () => new Promise((resolve) => (caught = resolve)) };
}

/** Leaves one idle connection to each node. */
async function warm({ nodes, client }: Stage): Promise<void> {
  const warmer = await client();
  for (let i = 0; i < nodes.length; i++) assert.equal((await warmer.get(`/warm${i}`)).status, 200);
  warmer.close();
}

function headOf(method: Method, sent: Sent): string {
  const length = method === 'GET' ? '' : `Content-Length: ${BODY.length}\r\n`;
  return `${method} ${FAULTY} HTTP/1.1\r\nHost: t\r\n${length}${sent === 'head' ? 'Expect: 100-continue\r\n' : ''}\r\n`;
}

/** Sends the request as far as the fault wants it, lets the node act, and sends the rest when it is asked for. */
async function provoke(on: Stage, each: Fault, method: Method, client: RawClient): Promise<void> {
  const body = method === 'GET' ? '' : BODY;
  const part = each.sent === 'whole' ? body : each.sent === 'half' ? body.slice(0, 9) : '';
  const arrival = on.arm();
  client.write(headOf(method, each.sent) + part);
  const asked = await arrival;
  await perform(asked.socket, each.steps);
}

async function outcome(on: Stage, each: Fault, method: Method, client: RawClient): Promise<number> {
  await provoke(on, each, method, client);
  try {
    let response = await client.response();
    if (response.status === 100 && each.sent === 'head') client.write(BODY);
    if (response.status === 100) response = await client.response();
    const tag = response.fields.get('x-tag');
    assert.ok(tag === undefined || tag === FAULTY, `the answer is for ${tag}`);
    return response.status;
  } catch {
    assert.equal(await client.ended(), 'reset');
    return 0;
  }
}

async function check(t: TestContext, each: Fault, method: Method, reused: boolean, nodes: number): Promise<void> {
  const on = await stage(t, nodes);
  if (reused) await warm(on);
  const before = on.nodes.reduce((sum, node) => sum + node.accepted, 0);
  const [client, other] = [await on.client(), await on.client()];
  const expected = verdict(each, method, reused, nodes);
  assert.equal(await outcome(on, each, method, client), expected.status);
  const arrivals = on.asked.filter((asked) => asked.target === FAULTY);
  assert.equal(arrivals.length, expected.arrivals);
  assert.equal(arrivals[0]?.before, reused ? 1 : 0);
  if (expected.arrivals === 2) assert.equal(arrivals[1]?.before === 0 || nodes > 1, true, 'a fresh connection');
  const faulty = arrivals[0]!;
  if (!each.kept) await until(() => faulty.socket.destroyed);
  for (let i = 0; i < nodes; i++) {
    const response = await other.get(`/other${i}`);
    assert.equal(response.fields.get('x-tag'), `/other${i}`, 'another client gets its own answer');
  }
  assert.equal(
    on.asked.some((asked) => asked.target.startsWith('/other') && asked.socket === faulty.socket),
    each.kept,
  );
  assert.ok(!on.asked.some((asked) => asked.target === '/stolen'), 'a body is never read as a request');
  const opened = on.nodes.reduce((sum, node) => sum + node.accepted, 0) - before;
  assert.ok(opened <= 2 + nodes, `${opened} connections were opened`);
}

describe('connections to nodes: reuse and retry', () => {
  for (const each of FAULTS) {
    it(each.name, async (t) => {
      for (const method of each.methods) {
        for (const reused of [false, true]) {
          for (const nodes of [1, 2]) {
            await t.test(`${method} on a ${reused ? 'reused' : 'fresh'} connection, ${nodes} nodes`, (inner) =>
              check(inner, each, method, reused, nodes),
            );
          }
        }
      }
    });
  }

  for (const end of [FIN, RESET]) {
    for (const method of METHODS) {
      it(`${method} after ${JSON.stringify(end)} on the idle connection goes out once, on a fresh one`, async (t) => {
        const on = await stage(t, 1);
        await warm(on);
        await perform(on.asked[0]!.socket, [end]);
        await until(() => on.plane.listener.pool.size === 0);
        const client = await on.client();
        const body = method === 'GET' ? '' : BODY;
        const response = await client.request(headOf(method, 'whole').slice(0, -4), body);
        assert.equal(response.status, 200);
        assert.deepEqual(
          on.asked.map((asked) => [asked.target, asked.before]),
          [
            ['/warm0', 0],
            [FAULTY, 0],
          ],
        );
      });
    }
  }
});

interface Tagged {
  readonly method: Method;
  readonly tag: string;
}

/** Nodes that go away whenever they are asked again, answer too much, or close behind an answer. */
function unreliable(random: Random, arrivals: Map<string, number>): (asked: Asked) => void {
  return (asked) => {
    arrivals.set(asked.target, (arrivals.get(asked.target) ?? 0) + 1);
    const { socket, before } = asked;
    const dice = random.below(10);
    if (before > 0 && dice < 2) return void socket.resetAndDestroy();
    if (before > 0 && dice < 4) return void socket.end();
    reply(asked);
    if (dice === 4) socket.write(`${OK}X-Tag: astray\r\nContent-Length: 6\r\n\r\nastray`);
    else if (dice === 5) socket.end();
    else if (dice === 6) setImmediate(() => socket.resetAndDestroy());
  };
}

async function talk(port: number, requests: readonly Tagged[], results: Map<string, number>): Promise<void> {
  let client = await RawClient.connect(port);
  for (const { method, tag } of requests) {
    if (client.end !== null) client = await RawClient.connect(port);
    const length = method === 'GET' ? '' : `\r\nContent-Length: ${BODY.length}`;
    const asked = client.request(`${method} ${tag} HTTP/1.1\r\nHost: t${length}`, method === 'GET' ? '' : BODY);
    const response = await asked.catch(() => null);
    if (response === null) client.close();
    if (response === null) client = await RawClient.connect(port);
    if (response?.status === 200) assert.equal(response.fields.get('x-tag'), tag);
    if (response?.status === 200) assert.equal(String(response.body), tag);
    results.set(tag, response?.status ?? 0);
  }
  client.close();
}

describe('many clients over nodes that close when they like', () => {
  it('gives every client its own answers, sends a POST once and loses no GET to a stale connection', async (t) => {
    const random = seededRandom(3);
    const arrivals = new Map<string, number>();
    const nodes = await Promise.all([1, 2, 3].map(() => ScriptedNode.start(unreliable(random, arrivals))));
    const plane = new TestPlane({ nodes: nodes.map((node) => node.address) });
    const port = await plane.start();
    t.after(async () => {
      await plane.close();
      for (const node of nodes) await node.close();
    });
    const lists = Array.from({ length: 16 }, (_, i) =>
      Array.from({ length: 60 }, (_, k): Tagged => ({ method: METHODS[random.below(3)]!, tag: `/${i}-${k}` })),
    );
    const results = new Map<string, number>();
    await Promise.all(lists.map((list) => talk(port, list, results)));
    const failed = new Set<string>();
    for (const { method, tag } of lists.flat()) {
      const [status, came] = [results.get(tag)!, arrivals.get(tag) ?? 0];
      assert.ok(came >= 1 && came <= (method === 'GET' ? 2 : 1), `${method} ${tag} came ${came} times`);
      if (status !== 200) failed.add(method);
      if (method === 'GET') assert.equal(status, 200, tag);
    }
    assert.ok(failed.has('POST'), 'the nodes did go away under requests');
    await until(() => plane.listener.connections === 0);
    assert.equal(plane.inflight, 0);
    assert.deepEqual(plane.errors, []);
  });
});
