import type { Address } from '../core/address.ts';
import { listenError } from '../core/listen-error.ts';
import type { TimerWheel } from '../core/timer-wheel.ts';
import { WheelTimer } from '../core/timer-wheel.ts';
import { isWildcard } from './local-addresses.ts';
import { LocalSocket, type LocalSocketEvents } from './udp-local-socket.ts';
import type { UdpListenerPlan } from './udp-plan.ts';

/** How often a listener on all addresses looks which ones there are. */
const FOLLOW_MS = 1000;

export interface BindingEvents extends LocalSocketEvents {
  /** The machine has lost the address: its socket is closed. */
  onGone(local: LocalSocket): void;
}

/**
 * The sockets of a listener: one, or for a wildcard address one for each address of the machine, since a reply must leave
 * from the address that the client wrote to, and Node can't choose the source of a datagram on a wildcard socket. Addresses
 * that come and go are followed. Broadcasts and multicasts reach none of them.
 */
export class UdpBinding {
  readonly #plan: UdpListenerPlan;
  readonly #wheel: TimerWheel;
  readonly #addresses: (wildcard: string) => readonly string[];
  readonly #events: BindingEvents;
  readonly #sockets = new Map<string, LocalSocket>();
  readonly #timer = new WheelTimer(() => void this.#follow());
  #port = 0;
  #lastId = 0;
  #closing = false;

  constructor(
    plan: UdpListenerPlan,
    wheel: TimerWheel,
    addresses: (wildcard: string) => readonly string[],
    events: BindingEvents,
  ) {
    this.#plan = plan;
    this.#wheel = wheel;
    this.#addresses = addresses;
    this.#events = events;
  }

  /** The addresses that are bound now. */
  get hosts(): readonly string[] {
    return [...this.#sockets.keys()];
  }

  /** The socket on one of them. */
  at(host: string): LocalSocket | undefined {
    return this.#sockets.get(host);
  }

  /** Binds; resolves with the address as planned, and the port. Rejects with LISTEN_FAILED. */
  async open(): Promise<Address> {
    const { host, port } = this.#plan.address;
    this.#port = port;
    const wildcard = isWildcard(host);
    try {
      if (wildcard) await this.#bindMissing(true);
      else this.#port = (await this.#bind(host)).port;
    } catch (error) {
      await this.close();
      throw listenError(this.#plan.name, 'stream_listen', error as NodeJS.ErrnoException);
    }
    if (wildcard) this.#wheel.arm(this.#timer, FOLLOW_MS);
    return { host, port: this.#port };
  }

  /** Idempotent, and safe after a failed `open`. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wheel.remove(this.#timer);
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()));
    this.#sockets.clear();
  }

  async #follow(): Promise<void> {
    const present = new Set(this.#addresses(this.#plan.address.host));
    for (const [host, socket] of this.#sockets) {
      if (present.has(host)) continue;
      this.#sockets.delete(host);
      this.#events.onGone(socket);
      await socket.close();
    }
    await this.#bindMissing(false);
    if (!this.#closing) this.#wheel.arm(this.#timer, FOLLOW_MS);
  }

  /** `strict`: every address must be free. Otherwise one that can't be bound is tried again the next time. */
  async #bindMissing(strict: boolean): Promise<void> {
    for (const host of this.#addresses(this.#plan.address.host)) {
      if (this.#closing || this.#sockets.has(host)) continue;
      try {
        this.#port = (await this.#bind(host)).port;
      } catch (error) {
        // An address that has just come or gone is there, but can't be bound yet, or any more.
        if (strict && (error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error;
        if (!strict) this.#events.onError(error as Error);
      }
    }
  }

  async #bind(host: string): Promise<Address> {
    this.#lastId += 1;
    const socket = new LocalSocket(this.#lastId, host, this.#plan.reusePort, this.#events);
    try {
      const bound = await socket.bind(this.#port);
      if (!this.#closing) this.#sockets.set(host, socket);
      else await socket.close();
      return bound;
    } catch (error) {
      await socket.close();
      throw error;
    }
  }
}
