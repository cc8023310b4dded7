import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendRequest } from '../support/http-backend.ts';
import { until } from '../support/plane.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type FaultStage, onStage } from '../support/wire-stage.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const POST = 'POST /row HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n';
const LARGE = 4 << 20;

type End = 'fin' | 'reset' | 'close';
const ENDS: readonly End[] = ['fin', 'reset', 'close'];

function end(socket: RawClient['socket'], how: End): void {
  if (how === 'fin') socket.end();
  else if (how === 'reset') socket.resetAndDestroy();
  else socket.destroy();
}

interface Phase {
  readonly name: string;
  /** Brings the exchange into the phase; what the node got, if anything. */
  reach(stage: FaultStage, client: RawClient): Promise<BackendRequest | null>;
}

async function toNode(stage: FaultStage, client: RawClient, text: string): Promise<BackendRequest> {
  client.write(text);
  return await stage.backend.arrived(1);
}

async function toClient(stage: FaultStage, client: RawClient, answer: string): Promise<BackendRequest> {
  const request = await toNode(stage, client, 'GET /row HTTP/1.1\r\nHost: t\r\n\r\n');
  request.write(answer);
  await until(() => client.received.length > 0);
  return request;
}

/** From the first byte of a head to a connection that is idle again. */
const PHASES: readonly Phase[] = [
  {
    name: 'within the head',
    async reach(stage, client) {
      client.write('GET /row HT');
      await until(() => stage.plane.listener.connections === 1);
      return null;
    },
  },
  { name: 'before the body', reach: (stage, client) => toNode(stage, client, POST) },
  {
    name: 'within the body',
    async reach(stage, client) {
      const request = await toNode(stage, client, `${POST}hello`);
      await until(() => request.rawBody.length === 5);
      return request;
    },
  },
  { name: 'before the answer', reach: (stage, client) => toNode(stage, client, `${POST}hellohello`) },
  { name: 'behind an interim answer', reach: (stage, client) => toClient(stage, client, 'HTTP/1.1 103 X\r\n\r\n') },
  {
    name: 'behind the head of the answer',
    reach: (stage, client) => toClient(stage, client, `${OK}Content-Length: 9\r\n\r\n`),
  },
  { name: 'within the answer', reach: (stage, client) => toClient(stage, client, `${OK}Content-Length: 9\r\n\r\nabc`) },
  {
    name: 'within the chunks of the answer',
    reach: (stage, client) => toClient(stage, client, `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`),
  },
  { name: 'within an answer without an end', reach: (stage, client) => toClient(stage, client, `${OK}\r\nabc`) },
  {
    name: 'within an answer that is not read',
    async reach(stage, client) {
      client.socket.pause();
      const request = await toNode(stage, client, 'GET /row HTTP/1.1\r\nHost: t\r\n\r\n');
      request.write(`${OK}Content-Length: ${LARGE}\r\n\r\n`).write(Buffer.alloc(LARGE));
      await until(() => stage.plane.listener.buffers.lent === 1);
      return request;
    },
  },
  { name: 'behind the answer', reach: (stage, client) => toClient(stage, client, `${OK}Content-Length: 3\r\n\r\nabc`) },
];

/** Answers everything but the row, which the test answers itself. */
function others(request: BackendRequest): void {
  if (request.target !== '/row') request.reply(200, request.target);
}

async function isServed(stage: FaultStage): Promise<void> {
  const client = await stage.connect();
  assert.equal(String((await client.get('/good')).body), '/good');
  client.close();
}

describe('connections that break', () => {
  for (const { name, reach } of PHASES) {
    for (const how of ENDS) {
      it(`the client's, by ${how}, ${name}`, () =>
        onStage(
          async (stage) => {
            const client = await stage.connect();
            const request = await reach(stage, client);
            end(client.socket, how);
            // Neither takes a whole request back: a close looks like a FIN until something is written.
            if (how !== 'reset' && request?.complete) request.socket.destroy();
            client.socket.resume();
            await until(() => stage.plane.listener.connections === 0 && stage.plane.inflight === 0);
            if (request !== null && !name.startsWith('behind the answer')) await until(() => request.socket.destroyed);
            await isServed(stage);
          },
          {},
          others,
        ));
    }
  }

  for (const { name, reach } of PHASES.filter((phase) => phase.name !== 'within the head')) {
    for (const how of ENDS) {
      it(`the node's, by ${how}, ${name}`, () =>
        onStage(
          async (stage) => {
            const client = await stage.connect();
            const request = await reach(stage, client);
            end(request!.socket, how);
            client.socket.resume();
            await until(() => stage.plane.inflight === 0);
            await until(() => client.end !== null || String(client.received).includes('\r\n\r\n'));
            await isServed(stage);
          },
          {},
          others,
        ));
    }
  }

  it('both at once, many times', () =>
    onStage(
      async (stage) => {
        for (const how of [...ENDS, ...ENDS, ...ENDS]) {
          const client = await stage.connect();
          const before = stage.backend.requests.length;
          client.write(`${POST}hellohello`);
          const request = await stage.backend.arrived(before + 1);
          request.write(`${OK}Content-Length: 9\r\n\r\nabc`);
          end(request.socket, how);
          end(client.socket, how === 'fin' ? 'close' : how);
          await until(() => stage.plane.inflight === 0 && stage.plane.listener.connections === 0);
        }
        await isServed(stage);
      },
      {},
      others,
    ));
});
