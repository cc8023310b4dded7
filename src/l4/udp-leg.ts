import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { isIP, isIPv6 } from 'node:net';
import type { TableHandle } from '../upstream/handle.ts';
import { hasRoom, noLookup } from './udp-send.ts';
import { Unanswered, type UnansweredBudget } from './udp-unanswered.ts';

/** Who sends through a leg. */
export interface LegOwner {
  onReply(leg: UdpLeg, datagram: Buffer): void;
  /** The port is closed, the node can't be reached, or there is no socket. The owner closes the leg. */
  onFailed(leg: UdpLeg, error: NodeJS.ErrnoException): void;
  /** A datagram will not arrive: it waited for too long a queue, or is too large for the path. */
  onDropped(): void;
}

/**
 * A session's way to one node: a connected socket of its own. Connected, so that the refusal of a closed port is told to
 * this session; its own, so that the system draws a random port for each session, and an answer that comes late can't
 * reach another client.
 */
export class UdpLeg {
  readonly handle: TableHandle;
  readonly unanswered: Unanswered;
  /** The node has sent something. Set by the owner. */
  answered = false;
  /** How long it took to its first reply, in microseconds. Set by the owner. */
  answerMicros = 0;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  readonly #owner: LegOwner;
  readonly #onSent = (error: NodeJS.ErrnoException | null): void => {
    this.#underWay -= 1;
    if (error) this.#failed(error);
  };
  /** Datagrams given to the socket that it has not reported on. */
  #underWay = 0;
  #socket: Socket | null = null;
  #connected = false;
  #closed = false;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(handle: TableHandle, now: number, budget: UnansweredBudget, owner: LegOwner) {
    this.handle = handle;
    this.startedAt = now;
    this.unanswered = new Unanswered(budget);
    this.#owner = owner;
  }

  /** A node's name is looked up first. What is sent before the socket is there waits in `unanswered`. */
  open(): void {
    const { host } = this.handle.node;
    if (isIP(host) !== 0) return this.#connect(host);
    lookup(host, (error, address) => {
      if (error) this.#failed(error);
      else if (!this.#closed) this.#connect(address);
    });
  }

  send(datagram: Buffer): void {
    const kept = this.unanswered.keep(datagram);
    if (this.#connected) this.#send(datagram);
    else if (!kept) this.#owner.onDropped();
  }

  /** Adds what was carried since the last time to the node's counters. */
  count(): void {
    if (this.#sentBytes === 0 && this.#receivedBytes === 0) return;
    this.handle.transferred(this.#sentBytes, this.#receivedBytes);
    this.#sentBytes = 0;
    this.#receivedBytes = 0;
  }

  /** Nothing comes back any more. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.unanswered.clear();
    this.#socket?.close();
  }

  #connect(address: string): void {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', lookup: noLookup });
    this.#socket = socket;
    socket.on('error', (error) => this.#failed(error));
    socket.on('message', (datagram) => this.#received(datagram));
    socket.on('connect', () => this.#ready());
    try {
      socket.connect(this.handle.node.port, address);
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException);
    }
  }

  #ready(): void {
    if (this.#closed) return;
    this.#connected = true;
    this.handle.connected();
    for (const datagram of this.unanswered.datagrams) this.#send(datagram);
    this.unanswered.sent();
  }

  #send(datagram: Buffer): void {
    const socket = this.#socket;
    if (!socket || (this.#underWay > 0 && !hasRoom(socket))) return this.#owner.onDropped();
    this.#underWay += 1;
    this.#sentBytes += datagram.length;
    socket.send(datagram, this.#onSent);
  }

  #received(datagram: Buffer): void {
    if (this.#closed) return;
    this.#receivedBytes += datagram.length;
    this.unanswered.clear();
    this.#owner.onReply(this, datagram);
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    // The system has learned that the way to the node takes no datagrams of this size: says nothing about the next one.
    if (error.code === 'EMSGSIZE') this.#owner.onDropped();
    else this.#owner.onFailed(this, error);
  }
}
