import { OUTCOMES } from '../balancers/types.ts';
import type { AccessTry } from './access-entry.ts';
import { OUTCOME_NAMES } from './outcome-names.ts';

/** Characters of one value at most: a line stays below 4 KiB, which a pipe takes in one piece. */
const MAX_TEXT = 1024;
const PLAIN = /^[ !#-[\]-~]*$/;

/** A JSON string in ASCII: nothing in `text` can end the line or the string. A long one is cut and ends in `...`. */
export function quoted(text: string): string {
  if (text.length <= MAX_TEXT && PLAIN.test(text)) return `"${text}"`;
  let out = '"';
  for (let at = 0; at < text.length; at++) {
    if (out.length >= MAX_TEXT) return `${out}..."`;
    const char = text[at]!;
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (char >= ' ' && char <= '~') out += char;
    else out += `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return `${out}"`;
}

/** A JSON string, or `null`. */
export function orNull(text: string | null): string {
  return text === null ? 'null' : quoted(text);
}

/** A JSON number, or `null` for what JSON has no number for. */
export function number(value: number | null): string {
  return Number.isFinite(value) ? String(value) : 'null';
}

/** At most three decimals: microseconds. */
export function milliseconds(value: number | null): string {
  return value === null ? 'null' : number(Math.round(value * 1000) / 1000);
}

let second = Number.NaN;
let secondText = '';

/** RFC 3339 in UTC with milliseconds; the text of the second is kept, since most lines share it. */
export function timestamp(wall: number): string {
  const whole = Math.floor(wall / 1000);
  if (whole !== second) {
    const date = new Date(whole * 1000);
    if (Number.isNaN(date.getTime())) return 'null';
    second = whole;
    secondText = `"${date.toISOString().slice(0, 19)}.`;
  }
  return `${secondText}${String(Math.floor(wall) - whole * 1000).padStart(3, '0')}Z"`;
}

const OUTCOME_TEXT: ReadonlyMap<string, string> = new Map(
  OUTCOMES.map((outcome, index) => [outcome, quoted(OUTCOME_NAMES[index]!)]),
);

/** A JSON list. */
export function formatTries(tries: readonly AccessTry[]): string {
  let out = '[';
  for (const { node, outcome, micros } of tries) {
    if (out.length > 1) out += ',';
    out += `{"node":${quoted(node)},"outcome":${OUTCOME_TEXT.get(outcome)!},"ms":${milliseconds(micros / 1000)}}`;
  }
  return `${out}]`;
}
