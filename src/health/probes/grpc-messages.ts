/**
 * The messages of `grpc.health.v1.Health/Check` and the framing of gRPC around them: a byte for compression, four for the
 * length (gRPC over HTTP/2, "Length-Prefixed-Message"). Each message has one field, number 1: the service's name asking, the status
 * answering.
 */

const PREFIX = 5;
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;
/** `ServingStatus`, by number. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The name of the serving status; null when it is not a single whole `HealthCheckResponse`. */
export function decodeResponse(body: Buffer): string | null {
  if (body.length < PREFIX || body[0] !== 0 || body.readUInt32BE(1) !== body.length - PREFIX) return null;
  const reader = new Reader(body.subarray(PREFIX));
  let status = 0;
  while (!reader.ended) {
    const tag = reader.varint();
    if (tag === null) return null;
    if (tag === (1 << 3) + VARINT) {
      const value = reader.varint();
      if (value === null) return null;
      status = value;
    } else if (!reader.skip(tag & 7)) return null;
  }
  return STATUSES[status] ?? `status ${status}`;
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}

/** Protocol Buffers' wire format, as far as a reader must know it to pass over fields that it does not know. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Null when it is cut off or longer than 64 bits. */
  varint(): number | null {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return null;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return null;
  }

  skip(wireType: number): boolean {
    if (wireType === VARINT) return this.varint() !== null;
    const length = wireType === FIXED64 ? 8 : wireType === FIXED32 ? 4 : wireType === DELIMITED ? this.varint() : null;
    if (length === null || this.#at + length > this.#bytes.length) return false;
    this.#at += length;
    return true;
  }
}
