import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { Gateway } from '../../src/control/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { freePorts } from '../support/free-port.ts';
import { RecordingLog } from '../support/recording-log.ts';

/** A node that answers traffic with its name, and checks as `up` says. */
class Node implements AsyncDisposable {
  readonly name: string;
  up = false;
  checked = 0;
  served = 0;
  readonly #server: Server;

  private constructor(name: string) {
    this.name = name;
    this.#server = createServer((request, response) => {
      if (request.url === '/check') {
        this.checked += 1;
        response.writeHead(200).end(this.up ? '{"status": "UP"}' : '{"status": "STARTING"}');
        return;
      }
      this.served += 1;
      response.end(this.name);
    });
  }

  static async start(name: string): Promise<Node> {
    const node = new Node(name);
    node.#server.listen(0, '127.0.0.1');
    await once(node.#server, 'listening');
    return node;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const active = {
  ...{ timeout: 20, http_path: '/check', expect_body: '"status": *"UP"', gate: true },
  healthy: { interval: 0.1, successes: 1 },
  unhealthy: { interval: 0.1, http_failures: 250 },
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(10);
}

describe('active checks of a gateway', () => {
  it('keep a new node out of the traffic until its first success', async () => {
    await using old = await Node.start('old');
    await using young = await Node.start('young');
    old.up = true;
    const log = new RecordingLog();
    const [port] = await freePorts(1);
    const document = (...nodes: Node[]): DocumentInput => ({
      listen: [`127.0.0.1:${port}`],
      workers: 1,
      upstreams: [{ id: 'u', nodes: Object.fromEntries(nodes.map(({ address }) => [address, 1])), checks: { active } }],
      routes: [{ id: 'r', uri: '/*', upstream_id: 'u' }],
    });
    const gateway = await Gateway.start({
      ...{ document: documentFrom(document(old)), stateDirectory: null, version: 'test', log },
      ...{ clock: systemClock, random: systemRandom },
    });
    const health = (message: string) => log.events.some((event) => event.message.includes(message));
    await until(() => health(`${old.address} is healthy: 200 in`));
    gateway.reload(documentFrom(document(old, young)));
    await until(() => young.checked >= 3);
    const request = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
    for (let each = 0; each < 20; each++) assert.equal(await request(), 'old');
    assert.equal(young.served, 0);
    young.up = true;
    await until(() => health(`${young.address} is healthy`));
    while ((await request()) !== 'young');
    await gateway.close(systemClock.now() + 5000);
  });
});
