import { Byte, isBlank, NAME, NameKind, VALUE } from './bytes.ts';
import type { FieldNames } from './field-names.ts';
import type { Rejection } from './head.ts';
import { Refused } from './refusals.ts';

/** What `nextField` found, where it is not a field: those are 0 and above. */
export const Line = { end: -1, incomplete: -2, refused: -3 } as const;

/** Where the last field line stands in the buffer. Reused: valid until the next call. */
export class FieldCursor {
  valueStart = 0;
  valueEnd = 0;
  /** First byte after the line. */
  next = 0;
  rejection: Rejection = Refused.lineEnd;
}

/**
 * Reads the field line at `at` (RFC 9112 §5), strictly: a token, a colon at once, the value, CR LF.
 *
 * Returns the field's number in `names` (0 when it has none), or one of `Line`. Bytes are judged from left to right and
 * each line ends the judgement on itself, so that a head gets the same verdict in one piece and byte by byte.
 */
export function nextField(buffer: Buffer, at: number, limit: number, names: FieldNames, field: FieldCursor): number {
  let i = at;
  let kinds = 0;
  for (let kind = 0; i < limit && (kind = NAME[buffer[i] as number] as number) !== 0; i++) kinds |= kind;
  if (i === limit) return Line.incomplete;
  if (buffer[i] !== Byte.colon || i === at) return endOrRefused(buffer, at, i, limit, field);
  const id = (kinds & NameKind.underscore) === 0 ? names.find(buffer, at, i) : names.underscored;
  for (i++; i < limit && isBlank(buffer[i] as number); i++);
  field.valueStart = i;
  while (i < limit && VALUE[buffer[i] as number] === 1) i++;
  if (i === limit) return Line.incomplete;
  const next = lineEnd(buffer, i, limit, Refused.fieldValue, field);
  if (next < 0) return next;
  let end = i;
  while (end > field.valueStart && isBlank(buffer[end - 1] as number)) end--;
  field.valueEnd = end;
  field.next = next;
  return id;
}

/** The line at `at` has no name before byte `i`: it is the empty line that ends the section, or wrong. */
function endOrRefused(buffer: Buffer, at: number, i: number, limit: number, field: FieldCursor): number {
  const byte = buffer[i] as number;
  if (i === at && (byte === Byte.cr || byte === Byte.lf)) {
    const next = lineEnd(buffer, i, limit, Refused.lineEnd, field);
    if (next < 0) return next;
    field.next = next;
    return Line.end;
  }
  field.rejection = i === at && isBlank(byte) ? Refused.lineFolding : Refused.fieldName;
  return Line.refused;
}

/** The byte after the CR LF at `i`; or a member of `Line`, with `otherwise` as the reason when there is neither CR nor LF. */
export function lineEnd(buffer: Buffer, i: number, limit: number, otherwise: Rejection, field: FieldCursor): number {
  if (buffer[i] === Byte.cr) {
    if (i + 1 === limit) return Line.incomplete;
    if (buffer[i + 1] === Byte.lf) return i + 2;
    field.rejection = Refused.lineEnd;
  } else {
    field.rejection = buffer[i] === Byte.lf ? Refused.lineEnd : otherwise;
  }
  return Line.refused;
}
