import type { MessagePort } from 'node:worker_threads';
import type { SessionOwners } from './session-owners.ts';

/** Bytes that may be on their way to one other worker; what comes above is dropped, as by a full socket. */
const MOST_UNDER_WAY = 4 * 1024 * 1024;
/** Bytes that the receiver takes before it says so. */
const RECEIPT = 64 * 1024;
/** What a message takes besides its datagram, more or less. */
const MESSAGE_BYTES = 512;

/** A datagram that arrived at one worker for a session of another. */
export interface ForeignDatagram {
  /** Row of the listener's counters. */
  readonly slot: number;
  /** Address of this machine that it was sent to. */
  readonly local: string;
  readonly address: string;
  readonly port: number;
  readonly datagram: Uint8Array;
}

/** A way to another worker. `worker`: its index. */
export interface WorkerLink {
  readonly worker: number;
  readonly port: MessagePort;
}

interface Peer {
  readonly port: MessagePort;
  /** Bytes sent to it of which there is no receipt. */
  underWay: number;
  /** Bytes taken from it of which it has no receipt. */
  taken: number;
}

/**
 * Hands datagrams to the worker that has their session. Linux chooses a socket by a hash over those that are bound: when a
 * worker dies, and again when it is back, clients of the others are sent elsewhere, while their sessions are where they were.
 */
export class UdpExchange {
  readonly owners: SessionOwners;
  readonly #peers = new Map<number, Peer>();
  readonly #receivers = new Map<number, (datagram: ForeignDatagram) => void>();

  constructor(owners: SessionOwners) {
    this.owners = owners;
  }

  /** A worker that is new; one that died before at that place is forgotten. */
  connect({ worker, port }: WorkerLink): void {
    const peer: Peer = { port, underWay: 0, taken: 0 };
    this.#peers.get(worker)?.port.close();
    this.#peers.set(worker, peer);
    port.on('message', (message: ForeignDatagram | number) => {
      if (typeof message === 'number') peer.underWay -= message;
      else this.#receive(peer, message);
    });
    port.on('close', () => {
      if (this.#peers.get(worker) === peer) this.#peers.delete(worker);
    });
  }

  /** Takes the datagrams for the listener at `slot`. */
  onDatagram(slot: number, receiver: (datagram: ForeignDatagram) => void): void {
    this.#receivers.set(slot, receiver);
  }

  /** `gone`: there is no such worker. `full`: it has too much to do. The datagram is copied. */
  send(worker: number, foreign: ForeignDatagram): 'sent' | 'gone' | 'full' {
    const peer = this.#peers.get(worker);
    if (!peer) return 'gone';
    const bytes = sizeOf(foreign);
    if (peer.underWay + bytes > MOST_UNDER_WAY) return 'full';
    peer.underWay += bytes;
    const datagram = new Uint8Array(foreign.datagram);
    peer.port.postMessage({ ...foreign, datagram }, [datagram.buffer]);
    return 'sent';
  }

  close(): void {
    for (const { port } of this.#peers.values()) port.close();
    this.#peers.clear();
  }

  #receive(peer: Peer, foreign: ForeignDatagram): void {
    peer.taken += sizeOf(foreign);
    if (peer.taken >= RECEIPT) {
      peer.port.postMessage(peer.taken);
      peer.taken = 0;
    }
    this.#receivers.get(foreign.slot)?.(foreign);
  }
}

function sizeOf({ datagram }: ForeignDatagram): number {
  return datagram.length + MESSAGE_BYTES;
}
