import { Byte, NAME, VALUE } from './bytes.ts';

const Part = { closed: 0, start: 1, name: 2, equals: 3, value: 4, quoted: 5, escaped: 6 } as const;
type Part = (typeof Part)[keyof typeof Part];

/** Follows the extensions of a chunk byte by byte: `;name`, `;name=token` or `;name="quoted"` (RFC 9112 §7.1.1), without blanks. */
export class ChunkExtension {
  #part: Part = Part.closed;

  reset(): void {
    this.#part = Part.closed;
  }

  /** The line may end here. */
  get isWhole(): boolean {
    return this.#part === Part.closed || this.#part === Part.name || this.#part === Part.value;
  }

  /** Whether `byte` may come next. */
  take(byte: number): boolean {
    const next = this.#after(byte);
    if (next === null) return false;
    this.#part = next;
    return true;
  }

  #after(byte: number): Part | null {
    const part = this.#part;
    if (part === Part.quoted) return afterQuoted(byte);
    if (part === Part.escaped) return VALUE[byte] === 1 ? Part.quoted : null;
    if (NAME[byte] !== 0) return afterToken(part);
    if (byte === Byte.semicolon && this.isWhole) return Part.start;
    if (byte === Byte.equals && part === Part.name) return Part.equals;
    return byte === Byte.quote && part === Part.equals ? Part.quoted : null;
  }
}

function afterQuoted(byte: number): Part | null {
  if (byte === Byte.quote) return Part.closed;
  if (byte === Byte.backslash) return Part.escaped;
  return VALUE[byte] === 1 ? Part.quoted : null;
}

function afterToken(part: Part): Part | null {
  if (part === Part.start) return Part.name;
  if (part === Part.equals) return Part.value;
  return part === Part.closed ? null : part;
}
