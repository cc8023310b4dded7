import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../src/core/random.ts';
import { UdpPeer } from './udp-peer.ts';

const MOST_BYTES = 10_000;
/** Between two chunks, and between two questions. */
const PAUSE_MS = 40;
const RESEND_MS = 100;

/** A conversation with an echo for as long as a test wants: chunks of any size, each compared with what comes back. */
export class StreamTalker {
  readonly what: string;
  readonly socket: Socket;
  /** Chunks that came back as they were sent. */
  heard = 0;
  /** Why it is over: the failure, or an end that nobody asked for. */
  broken: string | null = null;
  readonly #random;
  readonly #loop: Promise<void>;
  #received: Buffer[] = [];
  #missing = 0;
  #wake = () => {};
  #stopping = false;

  constructor(what: string, socket: Socket, seed: number) {
    this.what = what;
    this.socket = socket;
    this.#random = seededRandom(seed);
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#missing -= chunk.length;
      if (this.#missing <= 0) this.#wake();
    });
    socket.on('end', () => this.#over('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#over(error.code ?? error.message));
    socket.on('close', () => this.#over('close'));
    this.#loop = this.#talk();
  }

  /** Ends it after the chunk under way, with a FIN; resolves when the echo has ended too. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop;
    if (this.broken !== null) return void this.socket.destroy();
    const closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.end();
    await closed;
  }

  async #talk(): Promise<void> {
    while (!this.#stopping && this.broken === null) {
      const sent = Buffer.alloc(1 + this.#random.below(MOST_BYTES), this.#random.below(2 ** 32).toString(36));
      this.#received = [];
      this.#missing = sent.length;
      const back = new Promise<void>((resolve) => (this.#wake = resolve));
      this.socket.write(sent);
      await back;
      if (this.broken !== null) return;
      if (!Buffer.concat(this.#received).equals(sent)) return this.#over('other bytes than were sent');
      this.heard += 1;
      await pause(this.#random.below(2 * PAUSE_MS));
    }
  }

  #over(why: string): void {
    if (!this.#stopping) this.broken ??= why;
    this.#wake();
  }
}

/**
 * The same over UDP, with a node that answers `<port that it was asked from> <question>`: that port is the session's. What is
 * not answered is asked again.
 */
export class DatagramTalker {
  heard = 0;
  /** Ports of the sessions that it has had, the current one last. */
  readonly sessions: string[] = [];
  readonly #peer: UdpPeer;
  readonly #loop: Promise<void>;
  #stopping = false;

  static async open(port: number): Promise<DatagramTalker> {
    return new DatagramTalker(await UdpPeer.open(), port);
  }

  private constructor(peer: UdpPeer, port: number) {
    this.#peer = peer;
    this.#loop = this.#talk(port);
  }

  get session(): string | undefined {
    return this.sessions.at(-1);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop;
    await this.#peer.close();
  }

  async #talk(port: number): Promise<void> {
    for (let question = 1; !this.#stopping; question++) {
      const session = await this.#ask(port, `${question}`);
      if (session === null) return;
      if (session !== this.session) this.sessions.push(session);
      this.heard += 1;
      await pause(PAUSE_MS);
    }
  }

  async #ask(port: number, question: string): Promise<string | null> {
    const answer = () => this.#peer.texts.find((text) => text.endsWith(` ${question}`));
    this.#peer.messages.length = 0;
    while (!this.#stopping) {
      this.#peer.send(question, port);
      const late = new AbortController();
      await Promise.race([pause(RESEND_MS, null, late), once(this.#peer.socket, 'message', late)]);
      late.abort();
      const text = answer();
      if (text !== undefined) return text.split(' ')[0]!;
    }
    return null;
  }
}
