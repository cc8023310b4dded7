import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
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
