import type { Socket } from 'node:net';
import { until } from './tcp-backend.ts';

/** A client of an echo that knows when its stream broke. */
export class EchoClient {
  readonly what: string;
  readonly #socket: Socket;
  #received = '';
  #broken: string | null = null;

  /** The socket may still be connecting. */
  constructor(what: string, socket: Socket) {
    this.what = what;
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
    });
    socket.on('error', (error) => {
      this.#broken ??= error.message;
    });
    socket.on('close', () => {
      this.#broken ??= 'closed';
    });
  }

  /** Null while the stream is whole; else `closed`, or what broke it. */
  get broken(): string | null {
    return this.#broken;
  }

  /** What became of the stream, else the echo of this text. */
  async echo(text: string): Promise<string> {
    this.#socket.write(text);
    return this.take(text.length);
  }

  /** What became of the stream, else the next bytes that come: at least so many. */
  async take(length: number): Promise<string> {
    await until(() => this.#received.length >= length || this.#broken !== null);
    const received = this.#broken ?? this.#received;
    this.#received = '';
    return received;
  }

  close(): void {
    this.#socket.destroy();
  }
}
