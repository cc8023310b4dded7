/** What a pattern compiles to: a program for `pattern.ts`, one entry an instruction. */
export type Instruction =
  /** Takes one byte that is set in the table (256 entries, 1 for yes). */
  | { readonly op: 'byte'; readonly table: Uint8Array }
  /** Goes on at both places. */
  | { readonly op: 'split'; readonly first: number; readonly second: number }
  | { readonly op: 'jump'; readonly to: number }
  | { readonly op: 'start' }
  | { readonly op: 'end' }
  | { readonly op: 'match' };

type Piece =
  | { readonly kind: 'byte'; readonly table: Uint8Array }
  | { readonly kind: 'all'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'any'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'repeat'; readonly piece: Piece; readonly sign: '*' | '+' | '?' }
  | { readonly kind: 'start' | 'end' };

const MAX_LENGTH = 1024;
const CLASSES: Readonly<Record<string, (code: number) => boolean>> = {
  d: (code) => code >= 0x30 && code <= 0x39,
  s: (code) => code === 0x20 || (code >= 0x09 && code <= 0x0d),
  w: (code) => /^[0-9A-Za-z_]$/.test(String.fromCharCode(code)),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09 };
const COUNT = /^\{\d+(?:,\d*)?\}/;

/** The program of a pattern. Throws a TypeError that says what is wrong with it. */
export function compile(pattern: string): readonly Instruction[] {
  if (pattern.length > MAX_LENGTH) throw new TypeError(`has more than ${MAX_LENGTH} characters`);
  const program: Instruction[] = [];
  emit(program, new Parser(pattern).parse());
  program.push({ op: 'match' });
  return program;
}

function emit(program: Instruction[], piece: Piece): void {
  if (piece.kind === 'byte') program.push({ op: 'byte', table: piece.table });
  else if (piece.kind === 'all') for (const each of piece.pieces) emit(program, each);
  else if (piece.kind === 'any') emitChoice(program, piece.pieces);
  else if (piece.kind === 'repeat') emitRepeat(program, piece.piece, piece.sign);
  else program.push({ op: piece.kind });
}

function emitChoice(program: Instruction[], pieces: readonly Piece[]): void {
  const exits: number[] = [];
  pieces.forEach((piece, index) => {
    const fork = program.length;
    const last = index === pieces.length - 1;
    if (!last) program.push({ op: 'jump', to: 0 });
    emit(program, piece);
    if (last) return;
    exits.push(program.length);
    program.push({ op: 'jump', to: 0 });
    program[fork] = { op: 'split', first: fork + 1, second: program.length };
  });
  for (const exit of exits) program[exit] = { op: 'jump', to: program.length };
}

function emitRepeat(program: Instruction[], piece: Piece, sign: '*' | '+' | '?'): void {
  const fork = program.length;
  if (sign !== '+') program.push({ op: 'jump', to: 0 });
  const body = program.length;
  emit(program, piece);
  if (sign === '+') program.push({ op: 'split', first: body, second: program.length + 1 });
  if (sign === '*') program.push({ op: 'jump', to: fork });
  if (sign !== '+') program[fork] = { op: 'split', first: body, second: program.length };
}

/** Recursive descent: choice, sequence, repetition, atom. */
class Parser {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  parse(): Piece {
    const piece = this.#choice();
    if (this.#next() !== undefined) throw new TypeError('has a ")" without a "("');
    return piece;
  }

  #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw new TypeError('ends too early');
    return character;
  }

  #choice(): Piece {
    const pieces = [this.#sequence()];
    while (this.#next() === '|') {
      this.#at++;
      pieces.push(this.#sequence());
    }
    return pieces.length === 1 ? pieces[0]! : { kind: 'any', pieces };
  }

  #sequence(): Piece {
    const pieces: Piece[] = [];
    for (let next = this.#next(); next !== undefined && next !== '|' && next !== ')'; next = this.#next()) {
      pieces.push(this.#repetition());
    }
    return { kind: 'all', pieces };
  }

  #repetition(): Piece {
    let piece = this.#atom();
    for (let sign = this.#next(); sign === '*' || sign === '+' || sign === '?'; sign = this.#next()) {
      this.#at++;
      piece = { kind: 'repeat', piece, sign };
    }
    if (this.#next() === '{' && COUNT.test(this.#characters.slice(this.#at, this.#at + 12).join(''))) {
      throw new TypeError('counts such as {3} are not supported: write the piece as often, or \\{ for a brace');
    }
    return piece;
  }

  #atom(): Piece {
    const character = this.#take();
    if (character === '(') return this.#group();
    if (character === '[') return this.#set();
    if (character === '^') return { kind: 'start' };
    if (character === '$') return { kind: 'end' };
    if (character === '.') return oneOf((code) => code !== 0x0a, true);
    if (character === '\\') return this.#escape();
    if ('*+?'.includes(character)) throw new TypeError(`has a "${character}" with nothing before it to repeat`);
    return literal(character);
  }

  #group(): Piece {
    if (this.#next() === '?') {
      if (this.#characters[this.#at + 1] !== ':') throw new TypeError('groups with "(?" are not supported');
      this.#at += 2;
    }
    const piece = this.#choice();
    if (this.#next() !== ')') throw new TypeError('has a "(" without a ")"');
    this.#at++;
    return piece;
  }

  #escape(): Piece {
    const test = this.#escaped();
    return typeof test === 'string' ? literal(test) : oneOf(test.accepts, test.beyond);
  }

  /** A literal character, or a class; `beyond`: whether it holds what is not ASCII. */
  #escaped(): string | { accepts: (code: number) => boolean; beyond: boolean } {
    const character = this.#take();
    const control = CONTROLS[character];
    if (control !== undefined) return String.fromCharCode(control);
    const accepts = CLASSES[character.toLowerCase()];
    if (accepts && character === character.toLowerCase()) return { accepts, beyond: false };
    if (accepts) return { accepts: (code) => !accepts(code), beyond: true };
    if (/[0-9A-Za-z]/.test(character)) throw new TypeError(`"\\${character}" is not supported`);
    return character;
  }

  #set(): Piece {
    const negated = this.#next() === '^';
    if (negated) this.#at++;
    const inside = new Uint8Array(128);
    let beyond = false;
    for (let first = true; first || this.#next() !== ']'; first = false) beyond = this.#member(inside) || beyond;
    this.#at++;
    return oneOf((code) => (inside[code] === 1) !== negated, beyond !== negated);
  }

  /** Adds a character, a range or a class to a set. Returns whether it holds what is not ASCII. */
  #member(inside: Uint8Array): boolean {
    const from = this.#setCharacter();
    if (typeof from !== 'number') {
      for (let code = 0; code < 128; code++) if (from.accepts(code)) inside[code] = 1;
      return from.beyond;
    }
    let to = from;
    if (this.#next() === '-' && this.#characters[this.#at + 1] !== ']') {
      this.#at++;
      const end = this.#setCharacter();
      if (typeof end !== 'number' || end < from) throw new TypeError('has a range that ends before it begins');
      to = end;
    }
    inside.fill(1, from, to + 1);
    return false;
  }

  #setCharacter(): number | { accepts: (code: number) => boolean; beyond: boolean } {
    const character = this.#take();
    const meant = character === '\\' ? this.#escaped() : character;
    if (typeof meant !== 'string') return meant;
    const code = meant.codePointAt(0)!;
    if (code > 127) throw new TypeError(`"${meant}" cannot stand in [ ]: only ASCII can; write (a|b)`);
    return code;
  }
}

/** The bytes of a character in UTF-8, one after the other. */
function literal(character: string): Piece {
  const pieces = [...Buffer.from(character)].map((byte): Piece => {
    const table = new Uint8Array(256);
    table[byte] = 1;
    return { kind: 'byte', table };
  });
  return pieces.length === 1 ? pieces[0]! : { kind: 'all', pieces };
}

/** One character of UTF-8: an ASCII one that `accepts` takes or, if `beyond`, any other with all its bytes. */
function oneOf(accepts: (code: number) => boolean, beyond: boolean): Piece {
  const first = new Uint8Array(256);
  for (let code = 0; code < 128; code++) if (accepts(code)) first[code] = 1;
  if (!beyond) return { kind: 'byte', table: first };
  first.fill(1, 0xc0);
  const following = new Uint8Array(256).fill(1, 0x80, 0xc0);
  const rest: Piece = { kind: 'repeat', piece: { kind: 'byte', table: following }, sign: '*' };
  return { kind: 'all', pieces: [{ kind: 'byte', table: first }, rest] };
}
