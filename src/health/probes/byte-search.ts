/** Looks for some bytes in what comes in pieces; keeps no more than their length. */
export class ByteSearch {
  readonly #wanted: Buffer;
  #tail: Buffer = Buffer.alloc(0);

  constructor(wanted: Buffer) {
    this.#wanted = wanted;
  }

  /** True once they have come. Copies what it keeps of `bytes`. */
  feed(bytes: Buffer): boolean {
    const text = this.#tail.length > 0 ? Buffer.concat([this.#tail, bytes]) : bytes;
    if (text.includes(this.#wanted)) return true;
    this.#tail = Buffer.from(text.subarray(Math.max(0, text.length - this.#wanted.length + 1)));
    return false;
  }
}
