import type { Socket } from 'node:net';

/** Bytes that may wait for a slow receiver before the sender is not read any more. */
export const HIGH_WATER = 256 * 1024;

/**
 * Up to here a message is written as one string: Node copies such a string to the stack and hands it to the kernel at
 * once, which is cheaper than a vector of parts.
 */
const STRING_BYTES = 16_000;

/** Gathers the parts of a message that exist at one moment, and hands them to a socket in one write. */
export class MessageWriter {
  #socket: Socket | null = null;
  #text = '';
  #corked = false;
  /** Bytes handed over since `attach`. */
  written = 0;

  /** The socket of what follows; forgets what was gathered for another. */
  attach(socket: Socket | null): void {
    this.#socket = socket;
    this.#text = '';
    this.#corked = false;
    this.written = 0;
  }

  /** Whether this many more bytes still go out as text: then they may be given from memory that is used again. */
  fitsText(length: number): boolean {
    return this.#text.length + length <= STRING_BYTES;
  }

  /** Appends text of which each character is one byte. */
  text(text: string): void {
    this.#text += text;
  }

  /** Appends bytes that nobody writes to until they are written. */
  bytes(bytes: Buffer): void {
    const socket = this.#socket!;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
    }
    this.#flushText(socket);
    this.written += bytes.length;
    socket.write(bytes);
  }

  /** Appends `buffer[start..end)`, of which nobody writes to a part until it is written. */
  range(buffer: Buffer, start: number, end: number): void {
    if (this.fitsText(end - start)) this.#text += buffer.toString('latin1', start, end);
    else this.bytes(buffer.subarray(start, end));
  }

  flush(): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#flushText(socket);
    if (!this.#corked) return;
    this.#corked = false;
    socket.uncork();
  }

  #flushText(socket: Socket): void {
    if (this.#text === '') return;
    this.written += this.#text.length;
    socket.write(this.#text, 'latin1');
    this.#text = '';
  }
}
