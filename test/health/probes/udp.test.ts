import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { Timer } from '../../../src/core/clock.ts';
import { createUdpProbe } from '../../../src/health/probes/udp.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const signal = new AbortController().signal;

/** A server of datagrams on the loopback. */
class Datagrams implements AsyncDisposable {
  readonly heard: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async start(answer: (bytes: Buffer, from: RemoteInfo, socket: Socket) => void): Promise<Datagrams> {
    const socket = createSocket('udp4');
    const server = new Datagrams(socket);
    socket.on('message', (bytes, from) => {
      server.heard.push(bytes.toString('hex'));
      answer(bytes, from, socket);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return server;
  }

  get address() {
    return { host: '127.0.0.1', port: this.#socket.address().port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

const echo = (bytes: Buffer, from: RemoteInfo, socket: Socket) => socket.send(bytes, from.port, from.address);

describe('UDP probe', () => {
  it('sends what it is given and wants what it is told to want', async () => {
    await using server = await Datagrams.start(echo);
    const clock = new FakeClock();
    const ask = (expect: string) =>
      createUdpProbe({ timeoutMs: 100, send: '616263', expect }, clock).check(server.address, signal);
    assert.deepEqual(await ask('6263'), { verdict: 'success', detail: 'answer in 0 ms' });
    assert.deepEqual(await ask('6264'), { verdict: 'tcp', detail: 'the answer is not what was expected' });
    assert.deepEqual(server.heard, ['616263', '616263']);
    assert.equal(clock.pending, 0);
  });

  it('takes any answer when none is asked for, and sends an empty datagram when nothing is to be sent', async () => {
    await using server = await Datagrams.start(echo);
    const result = await createUdpProbe({ timeoutMs: 100, send: null, expect: null }, new FakeClock()).check(
      server.address,
      signal,
    );
    assert.equal(result.verdict, 'success');
    assert.deepEqual(server.heard, ['']);
  });

  it('takes silence as a success only when nothing is expected', async () => {
    const clock = new FakeClock();
    for (const [expect, expected] of [
      [null, { verdict: 'success', detail: 'no refusal within 100 ms' }],
      ['00', { verdict: 'timeout', detail: 'no answer within 100 ms' }],
    ] as const) {
      const { promise: reached, resolve } = Promise.withResolvers<void>();
      await using server = await Datagrams.start(() => resolve());
      const checked = createUdpProbe({ timeoutMs: 100, send: '01', expect }, clock).check(server.address, signal);
      await reached;
      clock.advance(100);
      assert.deepEqual(await checked, expected);
    }
  });

  it('takes no silence for a success when the process itself was held up', async () => {
    class LateClock extends FakeClock {
      override after(ms: number, task: () => void): Timer {
        return super.after(ms + 300, task);
      }
    }
    const clock = new LateClock();
    await using server = await Datagrams.start(() => {});
    const probe = createUdpProbe({ timeoutMs: 100, send: null, expect: null }, clock);
    const checked = probe.check(server.address, signal);
    clock.advance(400);
    assert.deepEqual(await checked, { verdict: 'neutral', detail: 'this process was held up' });
  });

  it('fails when the port refuses', async () => {
    const closed = await Datagrams.start(() => {});
    const { address } = closed;
    await closed[Symbol.asyncDispose]();
    const result = await createUdpProbe({ timeoutMs: 100, send: '01', expect: null }, new FakeClock()).check(
      address,
      signal,
    );
    assert.deepEqual(result, { verdict: 'tcp', detail: 'port unreachable' });
  });

  it('fails for a name that does not exist or a port that cannot', async () => {
    const probe = createUdpProbe({ timeoutMs: 60_000, send: null, expect: null });
    assert.equal((await probe.check({ host: 'no-such-host.invalid', port: 80 }, signal)).verdict, 'tcp');
    assert.equal((await probe.check({ host: '127.0.0.1', port: 70_000 }, signal)).verdict, 'tcp');
  });

  it('ends at once when it is aborted, also while the name is looked up', async () => {
    const clock = new FakeClock();
    const probe = createUdpProbe({ timeoutMs: 100, send: null, expect: null }, clock);
    const abort = new AbortController();
    const checked = probe.check({ host: 'localhost', port: 9 }, abort.signal);
    abort.abort();
    assert.deepEqual(await checked, { verdict: 'neutral', detail: 'aborted' });
    assert.equal(clock.pending, 0);
  });
});
