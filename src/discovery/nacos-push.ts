import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { isObject } from '../core/json.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { PushAddress } from './nacos-client.ts';

/** A packet that unfolds to more is not a push. */
const MAX_BYTES = 4 * 1024 * 1024;
/** How long our own address is taken to stay the same. */
const ADDRESS_MS = 60_000;

/** What a push says: the service that changed, and the time by which it is acknowledged. */
interface Push {
  /** `group@@name`. */
  readonly service: string;
  readonly time: string;
}

/**
 * Listens for the packets with which Nacos tells that a service has changed.
 *
 * A push is a hint to ask at once, never an answer: a UDP packet can be forged, cut off, late or lost. Every watcher of a
 * service of that name is woken; the packet does not say in which namespace it is.
 */
export class NacosPush implements Closable {
  readonly #port: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watchers = new Map<string, Set<() => void>>();
  /** Resolves with null when pushes can't be received. */
  #socket: Promise<Socket | null> | null = null;
  readonly #addresses = new Map<string, { readonly ip: Promise<string | null>; readonly until: number }>();
  #closed = false;

  /** `port`: where to listen, 0 for any. */
  constructor(port: number, clock: Clock, log: Log) {
    this.#port = port;
    this.#clock = clock;
    this.#log = log;
  }

  /** Has `wake` called when the service changes. `service`: `group@@name`. The result ends it. */
  watch(service: string, wake: () => void): () => void {
    const watchers = this.#watchers.get(service) ?? new Set();
    this.#watchers.set(service, watchers.add(wake));
    return () => {
      watchers.delete(wake);
      if (watchers.size === 0 && this.#watchers.get(service) === watchers) this.#watchers.delete(service);
    };
  }

  /** Where a server can push to: our own address as seen from it. Null when pushes can't be received. */
  async addressFor(server: URL): Promise<PushAddress | null> {
    if (this.#closed) return null;
    const socket = await (this.#socket ??= this.#open());
    if (!socket) return null;
    const ip = await this.#localAddress(server);
    return ip === null || this.#closed ? null : { ip, port: socket.address().port };
  }

  async close(): Promise<void> {
    this.#closed = true;
    const socket = await this.#socket;
    if (!socket) return;
    this.#socket = null;
    await new Promise<void>((resolve) => socket.close(resolve));
  }

  #localAddress(server: URL): Promise<string | null> {
    const known = this.#addresses.get(server.host);
    if (known && this.#clock.now() < known.until) return known.ip;
    const ip = findLocalAddress(server);
    this.#addresses.set(server.host, { ip, until: this.#clock.now() + ADDRESS_MS });
    return ip;
  }

  async #open(): Promise<Socket | null> {
    const socket = createSocket({ type: 'udp4', reuseAddr: false });
    socket.on('message', (packet, from) => this.#take(socket, packet, from));
    try {
      socket.bind(this.#port);
      await once(socket, 'listening');
    } catch (error) {
      const text = `UDP port ${this.#port} can't be opened: ${reasonOf(error)}; Nacos is asked at intervals only`;
      this.#log.warn('discovery.no-push', text, { port: this.#port });
      socket.close();
      return null;
    }
    // What a client that went away answers to an acknowledgement must not end the process.
    socket.on('error', () => {});
    socket.unref();
    return socket;
  }

  #take(socket: Socket, packet: Buffer, from: RemoteInfo): void {
    const push = readPush(packet);
    const watchers = push && this.#watchers.get(push.service);
    if (!watchers) return;
    const ack = JSON.stringify({ type: 'push-ack', lastRefTime: push.time, data: '' });
    socket.send(ack, from.port, from.address, () => {});
    for (const wake of [...watchers]) wake();
  }
}

/** The address that packets to the server leave from; nothing is sent to find out. Null when there is no way to it. */
async function findLocalAddress(server: URL): Promise<string | null> {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const probe = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    probe.connect(Number(server.port) || 80, host);
    await once(probe, 'connect');
    const { address } = probe.address();
    return isIPv6(address) ? null : address;
  } catch {
    return null;
  } finally {
    probe.close();
  }
}

/** Plain or zipped JSON: `{type, data, lastRefTime}`, where `data` is JSON in a text. Null when it is anything else. */
export function readPush(packet: Buffer): Push | null {
  try {
    const zipped = packet[0] === 0x1f && packet[1] === 0x8b;
    const text = (zipped ? gunzipSync(packet, { maxOutputLength: MAX_BYTES }) : packet).toString('utf8');
    const message: unknown = JSON.parse(text);
    if (!isObject(message) || typeof message.data !== 'string') return null;
    if (message.type !== 'dom' && message.type !== 'service') return null;
    const data: unknown = JSON.parse(message.data);
    if (!isObject(data) || typeof data.name !== 'string') return null;
    return { service: data.name, time: timeIn(text) };
  } catch {
    return null;
  }
}

/** The number as it is written: it has more digits than a number of JavaScript holds. */
function timeIn(text: string): string {
  return (
    /"lastRefTime"\s*:\s*"?(\d+)"?\s*\}?\s*$/.exec(text)?.[1] ?? /"lastRefTime"\s*:\s*(\d+)/.exec(text)?.[1] ?? '0'
  );
}
