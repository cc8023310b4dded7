import { compile, type Instruction } from './pattern-syntax.ts';

/** Where a text that comes in pieces is searched. */
export interface Search {
  /** True as soon as the text so far holds a match, whatever follows. */
  feed(bytes: Uint8Array): boolean;
  /** The text ends here: whether it holds a match. */
  finish(): boolean;
}

/**
 * A pattern that somebody else wrote, looked for in linear time and constant memory: no pattern makes it slow.
 *
 * Syntax of regular expressions without look-around, back references, counts and flags: `.`, `[…]`, `\d \w \s`, groups,
 * `|`, `* + ?`, and `^` and `$` for the ends of the whole text. Text is UTF-8. All states are followed at once (Ken
 * Thompson, "Regular Expression Search Algorithm", CACM 11(6), 1968), so that a text needs not be kept either.
 */
export class Pattern {
  readonly #program: readonly Instruction[];

  /** Throws a TypeError that finishes the sentence "the pattern …" for one that cannot be used. */
  constructor(pattern: string) {
    this.#program = compile(pattern);
  }

  search(): Search {
    return new StateSet(this.#program);
  }

  test(text: string): boolean {
    const search = this.search();
    return search.feed(Buffer.from(text)) || search.finish();
  }
}

class StateSet implements Search {
  readonly #program: readonly Instruction[];
  /** Places in the program, no place twice. */
  #current: number[] = [];
  #next: number[] = [];
  /** By place: the step in which it was last added. */
  readonly #added: Uint32Array;
  readonly #stack: number[] = [];
  /** One more than the bytes so far. */
  #step = 1;
  #matched = false;

  constructor(program: readonly Instruction[]) {
    this.#program = program;
    this.#added = new Uint32Array(program.length);
    this.#add(this.#current, 0, true, false);
  }

  feed(bytes: Uint8Array): boolean {
    for (let index = 0; index < bytes.length && !this.#matched; index++) this.#take(bytes[index]!);
    return this.#matched;
  }

  finish(): boolean {
    const isEmpty = this.#step === 1;
    this.#step += 1;
    const last: number[] = [];
    for (const place of this.#current) if (this.#program[place]!.op === 'end') this.#add(last, place, isEmpty, true);
    return this.#matched;
  }

  #take(byte: number): void {
    this.#step += 1;
    const next = this.#next;
    next.length = 0;
    for (const place of this.#current) {
      const instruction = this.#program[place]!;
      if (instruction.op === 'byte' && instruction.table[byte] === 1) this.#add(next, place + 1, false, false);
    }
    this.#add(next, 0, false, false);
    this.#next = this.#current;
    this.#current = next;
  }

  /** Adds a place and all that are reached from it without a byte. */
  #add(states: number[], from: number, atStart: boolean, atEnd: boolean): void {
    const stack = this.#stack;
    stack.push(from);
    for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
      if (this.#added[place] === this.#step) continue;
      this.#added[place] = this.#step;
      const instruction = this.#program[place]!;
      if (instruction.op === 'match') this.#matched = true;
      else if (instruction.op === 'split') stack.push(instruction.first, instruction.second);
      else if (instruction.op === 'jump') stack.push(instruction.to);
      else if (instruction.op === 'start') {
        if (atStart) stack.push(place + 1);
      } else if (instruction.op === 'end' && atEnd) stack.push(place + 1);
      else states.push(place);
    }
  }
}
