import { sleep } from '../core/clock.ts';
import { jittered } from '../core/random.ts';
import { untilAborted } from './deadline.ts';
import type { Gate } from './gate.ts';
import type { LoopTools } from './watch-loop.ts';

export interface PollRoundOptions {
  /** Milliseconds between two questions of one member, while the rate allows it. */
  readonly interval: number;
  /** Questions per second for all members together. */
  readonly rate: number;
  /** Bounds how many questions are under way at once. */
  readonly gate: Gate;
}

/** Asks once and tells what it learns. Never rejects. */
export type Poll = (signal: AbortSignal) => Promise<void>;

interface Member {
  readonly poll: Poll;
  readonly signal: AbortSignal;
  /** The question that is under way. */
  asking: Promise<void> | null;
}

/**
 * One loop for all that can only be asked again and again: in turn, evenly spread over the interval (±10 %), and never
 * faster than the rate. With `n` members each is asked every max(interval, n / rate).
 */
export class PollRound {
  readonly #options: PollRoundOptions;
  readonly #tools: LoopTools;
  /** The next to be asked is the first. */
  readonly #members = new Set<Member>();
  #loop = new AbortController();

  constructor(options: PollRoundOptions, tools: LoopTools) {
    this.#options = options;
    this.#tools = tools;
  }

  /** Polls at once, and then in turn. Settles after `signal` aborts, when no question of it is under way any more. */
  async follow(poll: Poll, signal: AbortSignal): Promise<void> {
    const member: Member = { poll, signal, asking: null };
    await this.#ask(member);
    if (signal.aborted) return;
    this.#members.add(member);
    if (this.#members.size === 1) {
      this.#loop = new AbortController();
      void this.#run(this.#loop.signal);
    }
    await untilAborted(signal);
    this.#members.delete(member);
    if (this.#members.size === 0) this.#loop.abort();
    await member.asking;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { interval, rate } = this.#options;
    while (!signal.aborted) {
      const spacing = Math.max(interval / this.#members.size, 1000 / rate);
      await sleep(this.#tools.clock, jittered(this.#tools.random, spacing, 0.1), signal);
      if (!signal.aborted) this.#askNext();
    }
  }

  #askNext(): void {
    for (const member of this.#members) {
      this.#members.delete(member);
      this.#members.add(member);
      // One that is slow to answer loses its turn.
      member.asking ??= this.#ask(member).finally(() => {
        member.asking = null;
      });
      return;
    }
  }

  async #ask({ poll, signal }: Member): Promise<void> {
    const { gate } = this.#options;
    if (!(await gate.enter(signal))) return;
    try {
      await poll(signal);
    } finally {
      gate.leave();
    }
  }
}
