import assert from 'node:assert/strict';
import { FakeClock } from './fake-clock.ts';
import type { BackendHandler } from './http-backend.ts';
import { HttpBackend } from './http-backend.ts';
import { type PlaneOptions, TestPlane, until } from './plane.ts';
import { RawClient } from './raw-client.ts';
import { backTo, holdings } from './wire-leaks.ts';

export interface FaultStage {
  readonly plane: TestPlane;
  readonly backend: HttpBackend;
  readonly clock: FakeClock;
  readonly port: number;
  connect(): Promise<RawClient>;
}

/**
 * Runs `play` on a proxy whose clock stands still, and then holds that nothing is left of it: nothing under way in the
 * node table, no snapshot in use, no timer on the wheel, no socket or descriptor more than before.
 */
export async function onStage(
  play: (stage: FaultStage) => Promise<void>,
  options: PlaneOptions = {},
  handler?: BackendHandler,
): Promise<void> {
  const before = holdings();
  const clock = new FakeClock();
  const backend = await HttpBackend.start(handler);
  const plane = new TestPlane({ nodes: [backend.address], clock, ...options });
  const port = await plane.start();
  const clients: RawClient[] = [];
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    clients.push(client);
    return client;
  };
  try {
    await play({ plane, backend, clock, port, connect });
    for (const client of clients) client.close();
    await until(() => plane.listener.connections === 0);
    assert.equal(plane.inflight, 0, 'every use of a node is counted out');
    assert.equal(plane.users, 0, 'every snapshot is released');
    assert.equal(plane.listener.buffers.lent, 0, 'every large buffer is back');
    assert.equal(plane.wheel.size, plane.listener.pool.size, 'no timer but those of idle connections');
    assert.deepEqual(plane.errors, []);
  } finally {
    for (const client of clients) client.close();
    await plane.close();
    await backend.close();
  }
  await backTo(before);
}
