import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { documentFrom } from '../../src/config/document.ts';
import { Gateway } from '../../src/control/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { RecordingLog } from '../support/recording-log.ts';

const CONNECTIONS = 40;

/** Accepts requests and answers none, so that they stay under way. */
function silentBackend(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Answers `good`, or what `mood` says: an error, nothing at all, or `back`. */
class MoodyBackend {
  mood: 'fail' | 'hang' | 'back' = 'fail';
  /** Requests that got no answer and are not given up. */
  hanging = 0;
  readonly server = createHttpServer((_request, answer) => {
    if (this.mood === 'back') return void answer.end('back');
    if (this.mood === 'fail') return void answer.writeHead(500).end('failed');
    this.hanging += 1;
    answer.on('close', () => (this.hanging -= 1));
  });

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
}

describe('a worker that dies while it tries an ejected node', () => {
  const threads: Worker[] = [];
  const remember = (message: unknown) => void threads.push((message as { worker: Worker }).worker);
  const good = createHttpServer((_request, answer) => void answer.end('good'));
  const moody = new MoodyBackend();
  let gateway: Gateway;

  before(async () => {
    subscribe('worker_threads', remember);
    good.listen(0, '127.0.0.1');
    await once(good, 'listening');
    const nodes = { [`127.0.0.1:${(good.address() as AddressInfo).port}`]: 1, [await moody.start()]: 1 };
    const passive = { unhealthy: { http_failures: 2 }, ejection: { time: 0.3, max_time: 0.3 } };
    const document = documentFrom({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      upstreams: [{ id: 'web', nodes, checks: { passive }, retries: 0 }],
      routes: [{ id: 'web', uri: '/*', upstream_id: 'web' }],
    });
    const log = new RecordingLog();
    const options = { document, stateDirectory: null, version: 'test', clock: systemClock, random: systemRandom, log };
    gateway = await Gateway.start(options);
  });

  after(async () => {
    unsubscribe('worker_threads', remember);
    await gateway?.close(systemClock.now());
    for (const server of [good, moody.server]) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('leaves the trial to the others', async () => {
    const url = `http://127.0.0.1:${gateway.addresses.http[0]!.port}/`;
    /** The answer; empty when the connection broke. */
    const ask = async () => {
      try {
        return await (await fetch(url)).text();
      } catch {
        return '';
      }
    };
    const isEjected = () => gateway.views.upstreams()[0]!.nodes.some(({ ejected }) => ejected !== null);
    while (!isEjected()) await ask();
    moody.mood = 'hang';
    const asked: Promise<string>[] = [];
    while (moody.hanging === 0) {
      asked.push(ask());
      await pause(5);
    }
    assert.equal(moody.hanging, 1);
    for (const thread of threads.slice(0, 2)) {
      if (moody.hanging > 0) await thread.terminate();
      await pause(50);
    }
    while (moody.hanging > 0) await pause(5);
    moody.mood = 'back';
    while ((await ask()) !== 'back') await pause(5);
    while (isEjected()) await ask();
    await Promise.all(asked);
  });
});

describe('a worker that dies', () => {
  const threads: Worker[] = [];
  const remember = (message: unknown) => void threads.push((message as { worker: Worker }).worker);
  const log = new RecordingLog();
  const clients: Socket[] = [];
  let backend: Server;
  let gateway: Gateway;

  const inflight = () => gateway.views.upstreams()[0]!.nodes[0]!.inflight;
  const connections = async () => {
    const { text } = await gateway.views.metrics();
    return Number(/^headgate_listener_connections\{.*\} (\d+)$/m.exec(text)?.[1]);
  };
  const openRequests = () => clients.filter((client) => !client.destroyed).length;

  before(async () => {
    subscribe('worker_threads', remember);
    backend = await silentBackend();
    const document = documentFrom({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      upstreams: [{ id: 'web', nodes: { [`127.0.0.1:${(backend.address() as AddressInfo).port}`]: 1 } }],
      routes: [{ id: 'web', uri: '/*', upstream_id: 'web' }],
    });
    const options = { document, stateDirectory: null, version: 'test', clock: systemClock, random: systemRandom, log };
    gateway = await Gateway.start(options);
  });

  after(async () => {
    unsubscribe('worker_threads', remember);
    for (const client of clients) client.destroy();
    await gateway?.close(systemClock.now());
    backend?.close();
  });

  it('takes only its own connections with it; its counts are taken back, and it comes again', async () => {
    const port = gateway.addresses.http[0]!.port;
    for (let index = 0; index < CONNECTIONS; index++) {
      const client = connect(port, '127.0.0.1');
      client.on('error', () => {});
      client.on('close', () => client.destroy());
      client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
      clients.push(client);
    }
    while (inflight() < CONNECTIONS) await pause(5);
    assert.equal(threads.length, 2);

    await threads[0]!.terminate();
    while (threads.length < 3) await pause(5);

    const survivors = openRequests();
    assert.ok(survivors > 0 && survivors < CONNECTIONS, `${survivors} of ${CONNECTIONS} are left`);
    assert.equal(inflight(), survivors);
    assert.equal(await connections(), survivors);
    assert.deepEqual(
      log.events.map(({ event }) => event).filter((event) => event.startsWith('worker.')),
      ['worker.restart'],
    );

    while (!/^headgate_workers 2$/m.test((await gateway.views.metrics()).text)) await pause(5);
    // An RST, since a client that only half-closes still gets its answer.
    for (const client of clients) client.resetAndDestroy();
    while (inflight() > 0 || (await connections()) > 0) await pause(5);
  });
});
