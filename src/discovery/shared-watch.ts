import type { HeadgateError } from '../core/errors.ts';
import { type LoopTools, type Question, runWatch } from './watch-loop.ts';

/** Takes what a shared watch learns. */
export interface Follower<T> {
  set(value: T): void;
  fail(error: HeadgateError): void;
}

type Asking<T> = Omit<Question<T>, 'deliver' | 'fail'>;

/**
 * One watch loop for many that want to know the same: a source that answers for all its services at once is asked once,
 * not once for each of them. The loop runs while there are followers.
 */
export class SharedWatch<T> {
  readonly #begin: () => Asking<T>;
  readonly #tools: LoopTools;
  readonly #followers = new Set<Follower<T>>();
  #loop: { readonly abort: AbortController; readonly done: Promise<void> } | null = null;
  #last: { readonly value: T } | null = null;
  #failure: HeadgateError | null = null;

  /** `begin` makes the question anew for every run of the loop: what an ended one remembered does not count. */
  constructor(begin: () => Asking<T>, tools: LoopTools) {
    this.#begin = begin;
    this.#tools = tools;
  }

  /** A follower that comes later hears at once what is known. Settles after `signal` aborts. */
  async follow(follower: Follower<T>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#followers.add(follower);
    const loop = (this.#loop ??= this.#start());
    if (this.#last) follower.set(this.#last.value);
    if (this.#failure && !signal.aborted) follower.fail(this.#failure);
    await aborted(signal, () => this.#leave(follower));
    if (loop.abort.signal.aborted) await loop.done;
  }

  #leave(follower: Follower<T>): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return;
    this.#loop?.abort.abort();
    this.#loop = null;
    this.#last = null;
    this.#failure = null;
  }

  #start() {
    const abort = new AbortController();
    const question: Question<T> = {
      ...this.#begin(),
      deliver: (value) => {
        this.#last = { value };
        this.#failure = null;
        for (const follower of [...this.#followers]) if (this.#followers.has(follower)) follower.set(value);
      },
      fail: (error) => {
        this.#failure = error;
        for (const follower of [...this.#followers]) if (this.#followers.has(follower)) follower.fail(error);
      },
    };
    return { abort, done: runWatch(question, this.#tools, abort.signal) };
  }
}

/** Runs `task` when `signal` aborts, at once if it has; settles then. */
function aborted(signal: AbortSignal, task: () => void): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      task();
      resolve();
    };
    if (signal.aborted) finish();
    else signal.addEventListener('abort', finish, { once: true });
  });
}
