import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendHandler } from '../support/http-backend.ts';
import { plainBackend } from '../support/http-backend.ts';
import { turns, until } from '../support/plane.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type FaultStage, onStage } from '../support/wire-stage.ts';

const MANY = 200;
const STALLED = 8;
const HEAD_MS = 10_000;
const IDLE_MS = 60_000;
const TIMEOUTS = { connect: 5000, send: 60_000, read: 60_000 };
const OPTIONS = { settings: { headTimeoutMs: HEAD_MS, idleTimeoutMs: IDLE_MS }, upstream: { timeouts: TIMEOUTS } };

async function crowd({ connect, plane }: FaultStage, opening: string): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: MANY }, connect));
  for (const client of clients) client.write(opening);
  await until(() => plane.listener.connections >= MANY);
  return clients;
}

/** A good client is served, whatever the others do. */
async function isServed({ connect }: FaultStage): Promise<void> {
  const client = await connect();
  assert.equal((await client.get('/good')).status, 200);
  client.close();
}

/** Every second for `seconds`, each client sends another `drop`. */
async function drip(stage: FaultStage, clients: readonly RawClient[], drop: string, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (const client of clients) client.write(drop);
    await turns(3);
    stage.clock.advance(1000);
  }
}

describe('slow clients', () => {
  it('200 heads that drip in are answered 408 in time', () =>
    onStage(async (stage) => {
      const clients = await crowd(stage, 'GET / HTTP/1.1\r\nHost: t\r\nA: ');
      await drip(stage, clients, 'a', 9);
      await isServed(stage);
      assert.ok(clients.every((client) => client.end === null));
      await drip(stage, clients, 'a', 2);
      for (const client of clients) assert.equal((await client.response()).status, 408);
      for (const client of clients) assert.equal(await client.ended(), 'fin');
      assert.equal(stage.backend.requests.length, 1, 'the node heard of none of them');
    }, OPTIONS));

  it('200 connections that say nothing are closed in time', () =>
    onStage(async (stage) => {
      const clients = await crowd(stage, '');
      await isServed(stage);
      stage.clock.advance(HEAD_MS + 100);
      for (const client of clients) assert.equal(await client.ended(), 'fin');
      assert.ok(clients.every((client) => client.received.length === 0));
    }, OPTIONS));

  for (const [name, fields] of [
    ['with a length', 'Content-Length: 100\r\n\r\n'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n64\r\n'],
  ]) {
    it(`200 bodies ${name} that stop are answered 408, and the node is let go`, () =>
      onStage(async (stage) => {
        const clients = await crowd(stage, `POST / HTTP/1.1\r\nHost: t\r\n${fields}`);
        await stage.backend.arrived(MANY);
        await drip(stage, clients, 'a', 3);
        assert.equal(stage.plane.inflight, MANY);
        await isServed(stage);
        stage.clock.advance(IDLE_MS + 100);
        for (const client of clients) assert.equal((await client.response()).status, 408);
        for (const client of clients) assert.equal(await client.ended(), 'fin');
        await until(() => stage.backend.sockets.size <= 1);
      }, OPTIONS));
  }

  it('200 chunk lines that never end are refused', () =>
    onStage(async (stage) => {
      const clients = await crowd(stage, 'POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1;a=');
      for (const client of clients) client.write('b'.repeat(17 * 1024));
      for (const client of clients) assert.equal((await client.response()).status, 400);
      for (const client of clients) assert.equal(await client.ended(), 'fin');
      await isServed(stage);
    }, OPTIONS));

  it(`${STALLED} readers that stall in a large answer are cut, and hold little until then`, () =>
    onStage(
      async (stage) => {
        const clients = await Promise.all(Array.from({ length: STALLED }, stage.connect));
        for (const client of clients) {
          client.socket.pause();
          client.write('GET /large HTTP/1.1\r\nHost: t\r\n\r\n');
        }
        await stage.backend.arrived(STALLED);
        await until(() => stage.plane.listener.buffers.lent >= STALLED);
        await turns(50);
        await isServed(stage);
        stage.clock.advance(TIMEOUTS.send + 200);
        await until(() => stage.plane.listener.connections === 0);
        assert.ok(stage.plane.entries.every(({ path, end }) => path === '/good' || end.cause === 'WRITE_STALL'));
      },
      OPTIONS,
      large,
    ));
});

/** 64 MB, more than the sockets on the way hold. */
const BODY = Buffer.alloc(64 << 20);
const large: BackendHandler = (request) => {
  if (request.target !== '/large') return plainBackend(request);
  request.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`).write(BODY);
};
