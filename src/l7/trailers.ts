import { FieldCursor, Line, nextField } from './field-lines.ts';
import { FieldNames } from './field-names.ts';
import type { Rejection } from './head.ts';
import { Refused } from './refusals.ts';

const MAX_BYTES = 8 * 1024;

const Trailer = { other: 0, forbidden: 1, allowed: 2 } as const;

/**
 * A recipient may merge trailers into the fields of the head (RFC 9110 §6.5.1), so only such are passed on as cannot
 * stand for framing, routing, identity or cookies: outcomes, digests and timings, which are only known at the end.
 */
const TRAILERS = new FieldNames(
  [
    ['content-length', Trailer.forbidden],
    ['transfer-encoding', Trailer.forbidden],
    ['content-digest', Trailer.allowed],
    ['repr-digest', Trailer.allowed],
    ['digest', Trailer.allowed],
    ['content-md5', Trailer.allowed],
    ['etag', Trailer.allowed],
    ['server-timing', Trailer.allowed],
    ['x-checksum', Trailer.allowed],
    ['x-checksum-sha256', Trailer.allowed],
    ['x-amz-checksum-crc32', Trailer.allowed],
    ['x-amz-checksum-crc32c', Trailer.allowed],
    ['x-amz-checksum-crc64nvme', Trailer.allowed],
    ['x-amz-checksum-sha1', Trailer.allowed],
    ['x-amz-checksum-sha256', Trailer.allowed],
    ['x-amz-trailer-signature', Trailer.allowed],
  ],
  Trailer.other,
  'grpc-',
  Trailer.allowed,
);

/** Reads a trailer section (RFC 9112 §7.1.2) to its end and sorts out its fields. */
export class TrailerSection {
  done = false;
  /** The lines that may be passed on, each with its CR LF. */
  kept = '';
  rejection: Rejection | null = null;
  readonly #bytes = Buffer.allocUnsafe(MAX_BYTES);
  readonly #line = new FieldCursor();
  #length = 0;
  /** Start of the line that is not complete yet. */
  #lineStart = 0;

  /** Takes bytes; returns the position after the last one that belongs to the section, or -1 with a `rejection`. */
  read(buffer: Buffer, start: number, end: number): number {
    const before = this.#length;
    this.#length += buffer.copy(this.#bytes, before, start, Math.min(end, start + MAX_BYTES - before));
    for (;;) {
      const id = nextField(this.#bytes, this.#lineStart, this.#length, TRAILERS, this.#line);
      if (id === Line.incomplete) return this.#length < MAX_BYTES ? end : this.#refuse(Refused.trailersTooLong);
      if (id === Line.refused) return this.#refuse(this.#line.rejection);
      if (id === Trailer.forbidden) return this.#refuse(Refused.trailerFraming);
      const next = this.#line.next;
      if (id === Line.end) {
        this.done = true;
        return start + next - before;
      }
      if (id === Trailer.allowed) this.kept += this.#bytes.toString('latin1', this.#lineStart, next);
      this.#lineStart = next;
    }
  }

  #refuse(rejection: Rejection): -1 {
    this.rejection = rejection;
    return -1;
  }
}
