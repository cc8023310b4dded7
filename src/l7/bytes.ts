/** Byte values and byte classes of HTTP/1.1 messages (RFC 9110 §5.6, RFC 9112 §2.2). */
export const Byte = {
  tab: 9,
  lf: 10,
  cr: 13,
  space: 32,
  quote: 34,
  percent: 37,
  asterisk: 42,
  dot: 46,
  slash: 47,
  zero: 48,
  nine: 57,
  colon: 58,
  semicolon: 59,
  equals: 61,
  question: 63,
  bracket: 91,
  backslash: 92,
} as const;

function classes(fill: (set: (characters: string, kind: number) => void) => void): Uint8Array {
  const table = new Uint8Array(256);
  fill((characters, kind) => {
    for (const character of characters) table[character.charCodeAt(0)] = kind;
  });
  return table;
}

export const LOWER = 'abcdefghijklmnopqrstuvwxyz';
export const UPPER = LOWER.toUpperCase();
export const DIGITS = '0123456789';

/** Kinds of bytes in `NAME`: a token character, and the underscore, which is one too. 0 is none. */
export const NameKind = { token: 1, underscore: 2 } as const;

/** Token characters: field names and methods. */
export const NAME = classes((set) => {
  set(`${LOWER}${UPPER}${DIGITS}!#$%&'*+-.^\`|~`, NameKind.token);
  set('_', NameKind.underscore);
});

/** 1 for what a field value may hold: HTAB, SP, visible ASCII and obs-text. */
export const VALUE = new Uint8Array(256)
  .fill(1, 0x20)
  .fill(0, 0x7f, 0x80)
  .fill(1, Byte.tab, Byte.tab + 1);

/** Kinds of bytes in a request target; 0 is refused: CTL, SP, `#`, `\` and everything beyond ASCII. */
export const TargetKind = { plain: 1, slash: 2, percent: 3, question: 4 } as const;

export const TARGET = new Uint8Array(256).fill(TargetKind.plain, 0x21, 0x7f);
TARGET['#'.charCodeAt(0)] = 0;
TARGET['\\'.charCodeAt(0)] = 0;
TARGET[Byte.slash] = TargetKind.slash;
TARGET[Byte.percent] = TargetKind.percent;
TARGET[Byte.question] = TargetKind.question;

/** Kinds of bytes in a host name. */
export const HostKind = { plain: 1, upper: 2, dot: 3 } as const;

export const HOST = classes((set) => {
  set(`${LOWER}${DIGITS}-_~`, HostKind.plain);
  set(UPPER, HostKind.upper);
  set('.', HostKind.dot);
});

/** Value of a hexadecimal digit plus one; 0 for any other byte. */
export const HEX = classes((set) => {
  for (let digit = 0; digit < 16; digit++) set(digit.toString(16) + digit.toString(16).toUpperCase(), digit + 1);
});

/** Whether `buffer` holds `word` (lower case letters, digits, `-`) from `start` to `end`, in any case. */
export function isWord(buffer: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = buffer[start + i] as number;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== word.charCodeAt(i)) return false;
  }
  return true;
}

export function isBlank(byte: number): boolean {
  return byte === Byte.space || byte === Byte.tab;
}
