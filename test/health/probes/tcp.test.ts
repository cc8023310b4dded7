import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { Timer } from '../../../src/core/clock.ts';
import { createTcpProbe } from '../../../src/health/probes/tcp.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { closedPort, RawServer } from './raw-server.ts';

const signal = new AbortController().signal;
const hang = () => {};

describe('TCP probe', () => {
  it('succeeds when a connection can be made, sends nothing and keeps nothing', async () => {
    const clock = new FakeClock();
    await using server = await RawServer.start(hang);
    const result = await createTcpProbe({ timeoutMs: 100 }, clock).check(server.address, signal);
    assert.deepEqual(result, { verdict: 'success', detail: 'connected in 0 ms' });
    assert.equal(clock.pending, 0);
    while (server.sockets.length === 0) await settle();
    await server.allClosed();
    assert.equal(server.heard, '');
  });

  it('succeeds when the server closes at once', async () => {
    await using server = await RawServer.start(hang, (socket) => socket.destroy());
    const result = await createTcpProbe({ timeoutMs: 5000 }).check(server.address, signal);
    assert.equal(result.verdict, 'success');
  });

  it('fails when nobody listens', async () => {
    const result = await createTcpProbe({ timeoutMs: 100 }, new FakeClock()).check(await closedPort(), signal);
    assert.deepEqual(result, { verdict: 'tcp', detail: 'connection refused' });
  });

  it('fails, and does not throw, for a name that does not exist or a port that cannot', async () => {
    const probe = createTcpProbe({ timeoutMs: 60_000 });
    const result = await probe.check({ host: 'no-such-host.invalid', port: 80 }, signal);
    assert.equal(result.verdict, 'tcp');
    assert.match(result.detail, /host name/);
    assert.equal((await probe.check({ host: '127.0.0.1', port: 70_000 }, signal)).verdict, 'tcp');
  });

  it('times out when there is neither a connection nor a refusal', async () => {
    // The timeout comes before the kernel had a chance to answer.
    const clock = new FakeClock();
    await using server = await RawServer.start(hang);
    const checked = createTcpProbe({ timeoutMs: 700 }, clock).check(server.address, signal);
    clock.advance(700);
    assert.deepEqual(await checked, { verdict: 'timeout', detail: 'no connection within 700 ms' });
  });

  it('blames nobody when the process itself was held up', async () => {
    class LateClock extends FakeClock {
      override after(ms: number, task: () => void): Timer {
        return super.after(ms + 300, task);
      }
    }
    const clock = new LateClock();
    await using server = await RawServer.start(hang);
    const checked = createTcpProbe({ timeoutMs: 700 }, clock).check(server.address, signal);
    clock.advance(1000);
    assert.deepEqual(await checked, { verdict: 'neutral', detail: 'this process was held up' });
  });

  it('ends at once when it is aborted, before or during, and blames nobody', async () => {
    const clock = new FakeClock();
    await using server = await RawServer.start(hang);
    const probe = createTcpProbe({ timeoutMs: 700 }, clock);
    const expected = { verdict: 'neutral', detail: 'aborted' };
    assert.deepEqual(await probe.check(server.address, AbortSignal.abort()), expected);
    const abort = new AbortController();
    const checked = probe.check(server.address, abort.signal);
    abort.abort();
    assert.deepEqual(await checked, expected);
    assert.equal(clock.pending, 0);
  });

  const hex = (text: string) => Buffer.from(text).toString('hex');

  it('says what it is given and waits for what is expected, wherever it stands and however it is cut', async () => {
    await using server = await RawServer.start(async (socket) => {
      for (const piece of '+noise PONG') {
        socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const probe = createTcpProbe({ timeoutMs: 100, send: hex('PING'), expect: hex('PONG') }, new FakeClock());
    assert.deepEqual(await probe.check(server.address, signal), {
      verdict: 'success',
      detail: 'expected answer in 0 ms',
    });
    assert.equal(server.heard, 'PING');
    await server.allClosed();
  });

  it('remembers the beginning of the answer while the rest comes', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<Socket>();
    await using server = await RawServer.start(hang, (socket) => void socket.write('PO', () => begin(socket)));
    const clock = new FakeClock();
    const checked = createTcpProbe({ timeoutMs: 100, expect: hex('PONG') }, clock).check(server.address, signal);
    const socket = await begun;
    await settle();
    socket.write('NG');
    assert.equal((await checked).verdict, 'success');
  });

  it('hears a greeting without saying anything', async () => {
    await using server = await RawServer.start(hang, (socket) => socket.write(Buffer.from([0x00, 0xff, 0x16])));
    const probe = createTcpProbe({ timeoutMs: 100, expect: 'ff16' }, new FakeClock());
    assert.equal((await probe.check(server.address, signal)).verdict, 'success');
    await server.allClosed();
  });

  it('fails on another answer once the connection ends, and on one that does not end', async () => {
    const probe = createTcpProbe({ timeoutMs: 100, send: '00', expect: hex('PONG') }, new FakeClock());
    await using server = await RawServer.start((socket) => socket.end('PINK'));
    const other = { verdict: 'tcp', detail: 'the answer is not what was expected' };
    assert.deepEqual(await probe.check(server.address, signal), other);
    await using silent = await RawServer.start((socket) => socket.end());
    const early = { verdict: 'tcp', detail: 'connection closed before the answer was complete' };
    assert.deepEqual(await probe.check(silent.address, signal), early);
    await using endless = await RawServer.start((socket) => socket.write(Buffer.alloc(200_000)));
    const result = await probe.check(endless.address, signal);
    assert.equal(result.verdict, 'tcp');
    assert.match(result.detail, /^the first \d+ bytes are not what was expected$/);
    await endless.allClosed();
  });

  it('times out while what is expected has not come', async () => {
    const clock = new FakeClock();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using server = await RawServer.start((socket) => void socket.write('PON', () => resolve()));
    const probe = createTcpProbe({ timeoutMs: 100, send: '00', expect: hex('PONG') }, clock);
    const checked = probe.check(server.address, signal);
    await asked;
    await settle();
    clock.advance(100);
    assert.deepEqual(await checked, { verdict: 'timeout', detail: 'no answer within 100 ms' });
    await server.allClosed();
  });
});
