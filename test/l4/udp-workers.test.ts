import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { documentFrom } from '../../src/config/document.ts';
import { Gateway } from '../../src/control/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { UdpNode, UdpPeer } from '../support/udp-peer.ts';

const CLIENTS = 60;

/** The node answers with the port that it was asked from: the same port is the same session, of the same worker. */
describe('UDP over several workers', { timeout: 60_000 }, () => {
  const threads: Worker[] = [];
  const remember = (message: unknown) => void threads.push((message as { worker: Worker }).worker);
  let node: UdpNode;
  let gateway: Gateway;
  let clients: UdpPeer[] = [];
  let round = 0;

  before(async () => {
    subscribe('worker_threads', remember);
    node = await UdpNode.open();
    node.answer = (message) => [`${node.messages.at(-1)!.from.port} ${message}`];
    const document = documentFrom({
      listen: [],
      stream_listen: [{ address: '127.0.0.1:0', protocol: 'udp' }],
      admin: { address: '127.0.0.1:0' },
      workers: 3,
      stream_routes: [{ id: 'echo', upstream: { nodes: { [`127.0.0.1:${node.port}`]: 1 } } }],
    });
    const log = new RecordingLog();
    const options = { document, stateDirectory: null, version: 'test', clock: systemClock, random: systemRandom, log };
    gateway = await Gateway.start(options);
    clients = await Promise.all(Array.from({ length: CLIENTS }, () => UdpPeer.open()));
  });

  after(async () => {
    unsubscribe('worker_threads', remember);
    await Promise.all(clients.map((client) => client.close()));
    await gateway?.close(systemClock.now());
    await node?.close();
  });

  /** Each client asks until it is answered; the upstream ports of their sessions. */
  const ask = async (): Promise<string[]> => {
    const { port } = gateway.addresses.udp[0]!;
    round += 1;
    const answer = ({ texts }: UdpPeer) => texts.find((text) => text.endsWith(` ${round}`));
    const open = () => clients.filter((client) => answer(client) === undefined);
    for (let waiting = open(); waiting.length > 0; waiting = open()) {
      for (const client of waiting) client.send(`${round}`, port);
      await pause(50);
    }
    return clients.map((client) => answer(client)!.split(' ')[0]!);
  };
  const inflight = () => gateway.views.upstreams()[0]!.nodes[0]!.inflight;

  test('a client stays with its worker; a worker that dies takes its own sessions along, and all are served on', async () => {
    const first = await ask();
    assert.deepEqual(await ask(), first);
    assert.deepEqual(await ask(), first);
    assert.equal(new Set(first).size, CLIENTS);
    assert.ok(inflight() >= CLIENTS);

    await threads[0]!.terminate();
    const meanwhile = await ask();
    const stayed = meanwhile.filter((port, index) => port === first[index]).length;
    assert.ok(stayed > 0 && stayed < CLIENTS, `${stayed} of ${CLIENTS} sessions went on`);
    while (threads.length < 4) await pause(5);
    while ((await gateway.views.metrics()).text.match(/^headgate_workers (\d+)$/m)?.[1] !== '3') await pause(5);
    assert.deepEqual(await ask(), meanwhile, 'no session moves when the worker is back');
    assert.deepEqual(await ask(), meanwhile);
  });
});
