import type { Outcome } from '../../src/balancers/types.ts';
import { NodeField } from '../../src/telemetry/counters.ts';
import { echo, TcpBackend, TcpClient } from './tcp-backend.ts';
import { TcpPlane, type TcpPlaneOptions } from './tcp-plane.ts';

const open: { close(): Promise<void> }[] = [];

/** Leaves it to `closeAll` to close it. */
export function owned<T extends { close(): Promise<void> }>(resource: T): T {
  open.push(resource);
  return resource;
}

/** For `afterEach`: closes what the test opened, the newest first. */
export async function closeAll(): Promise<void> {
  for (let resource = open.pop(); resource; resource = open.pop()) await resource.close();
}

export async function backend(serve = echo): Promise<TcpBackend> {
  return owned(await TcpBackend.start(serve));
}

export async function plane(options: TcpPlaneOptions): Promise<TcpPlane> {
  return owned(await new TcpPlane(options).start());
}

export async function client(proxy: TcpPlane, read = true): Promise<TcpClient> {
  const connected = await TcpClient.connect(proxy.port, read);
  open.push({
    close: async () => {
      connected.socket.destroy();
    },
  });
  return connected;
}

export function outcome(proxy: TcpPlane, slot: number, of: Outcome): number {
  return proxy.node(slot, NodeField.outcome + of);
}
