import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { ListenerField } from '../../src/telemetry/counters.ts';
import { until } from '../support/plane.ts';
import { type FaultStage, onStage } from '../support/wire-stage.ts';

const MAX = 50;
const FLOOD = 400;

interface Flooder {
  readonly socket: Socket;
  closed: boolean;
}

function flood(port: number, count: number): Flooder[] {
  return Array.from({ length: count }, () => {
    const flooder = { socket: connect({ port, host: '127.0.0.1' }), closed: false };
    flooder.socket.on('error', () => {});
    flooder.socket.on('close', () => (flooder.closed = true));
    flooder.socket.resume();
    return flooder;
  });
}

async function isServed({ connect: open }: FaultStage): Promise<void> {
  const client = await open();
  assert.equal((await client.get('/good')).status, 200);
  client.close();
}

describe('floods', () => {
  it('connections above the limit are refused at once, and those within it are served', () =>
    onStage(
      async (stage) => {
        const { plane, port } = stage;
        const good = await stage.connect();
        await until(() => plane.listener.connections === 1);
        const flooders = flood(port, FLOOD);
        await until(() => plane.listenerCount(ListenerField.refused) === FLOOD - (MAX - 1));
        await until(() => flooders.filter(({ closed }) => closed).length === FLOOD - (MAX - 1));
        assert.equal(plane.listener.connections, MAX);
        for (let i = 0; i < 5; i++) assert.equal((await good.get('/')).status, 200);
        for (const { socket } of flooders) socket.destroy();
        await until(() => plane.listener.connections === 1);
        await isServed(stage);
      },
      { listener: { maxConnections: MAX } },
    ));

  it('connections that come and are reset leave nothing', () =>
    onStage(async (stage) => {
      for (let round = 0; round < 5; round++) {
        const flooders = flood(stage.port, 100);
        await Promise.all(flooders.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve))));
        for (const { socket } of flooders) {
          socket.write('GET / HTTP/1.1\r\nHost: t\r\n');
          socket.resetAndDestroy();
        }
        await isServed(stage);
      }
      await until(() => stage.plane.listenerCount(ListenerField.accepted) === 505);
      await until(() => stage.plane.listener.connections === 0);
      assert.equal(stage.backend.requests.length, 5);
    }));

  for (const [name, bomb] of [
    ['one large field', `GET / HTTP/1.1\r\nHost: t\r\nA: ${'a'.repeat(1 << 20)}`],
    ['many fields', `GET / HTTP/1.1\r\nHost: t\r\n${'A: b\r\n'.repeat(50_000)}`],
    ['a long target', `GET /${'a'.repeat(1 << 20)}`],
    ['a long method', 'A'.repeat(1 << 20)],
    ['many options', `GET / HTTP/1.1\r\nHost: t\r\nConnection: ${'a,'.repeat(100_000)}`],
  ] as const) {
    it(`head bombs (${name}) are refused by their first 16 KiB`, () =>
      onStage(async (stage) => {
        const flooders = flood(stage.port, 40);
        for (const { socket } of flooders) socket.write(bomb);
        await until(() => flooders.every(({ closed }) => closed));
        await isServed(stage);
        assert.equal(stage.backend.requests.length, 1);
        assert.equal(stage.plane.listenerCount(ListenerField.badRequests), 40);
        const statuses = new Set(stage.plane.entries.map(({ status }) => status));
        assert.ok([...statuses].every((status) => [200, 400, 414, 431, 501].includes(status)));
        // What is read of each is its head, what lay in the socket with it, and what is dropped while it ends.
        assert.ok(stage.plane.listenerCount(ListenerField.receivedBytes) < 40 * (64 << 10) * 4);
      }));
  }

  it('2000 pipelined requests of a client that does not read are not answered ahead without bound', () =>
    onStage(async (stage) => {
      const client = await stage.connect();
      client.socket.pause();
      const count = 2000;
      client.write('GET /bytes/10000 HTTP/1.1\r\nHost: t\r\n\r\n'.repeat(count));
      await stage.backend.arrived(50);
      let before = -1;
      while (before !== stage.backend.requests.length) {
        before = stage.backend.requests.length;
        for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(before < count, `${before} requests were served to a client that reads nothing`);
      client.socket.resume();
      for (let i = 0; i < count; i++) assert.equal((await client.response()).status, 200);
      assert.equal(stage.backend.requests.length, count);
    }));
});
