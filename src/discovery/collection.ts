import type { HeadgateError } from '../core/errors.ts';
import { untilAborted } from './deadline.ts';
import { type LoopTools, type Question, runWatch } from './watch-loop.ts';

/** What one answer did to a collection. */
export interface CollectionChange {
  /** Keys whose content may differ now; null when everything was read anew. */
  readonly changed: ReadonlySet<string> | null;
  /** What did not change is as it was: the source was asked about everything, or said that nothing has happened. */
  readonly confirms: boolean;
  /** As in `NodeSink`. */
  readonly doubt: string | undefined;
}

/** Something that lists many services at once, and holds the state of them all. */
export interface CollectionSource extends Pick<Question<CollectionChange>, 'ask' | 'deadline' | 'gate'> {
  /** Ends what is open, such as a stream. */
  close(): void;
}

/** Takes what concerns one key. */
export interface CollectionFollower<S> {
  /** `changed` is false when the source only confirms what it said before. */
  update(source: S, changed: boolean, doubt: string | undefined): void;
  fail(error: HeadgateError): void;
}

interface Following<S> {
  /** Null for everything. */
  readonly key: string | null;
  readonly follower: CollectionFollower<S>;
  readonly signal: AbortSignal;
}

/** One run of the loop; a later one starts with nothing. */
interface Run<S> {
  readonly source: S;
  readonly abort: AbortController;
  readonly done: Promise<void>;
  known: boolean;
  failure: HeadgateError | null;
}

/**
 * One watch that many services share, where a source tells of all of them at once: in one stream, or in one answer. Runs
 * while somebody follows it.
 */
export class Collection<S extends CollectionSource> {
  readonly #begin: () => S;
  readonly #tools: LoopTools;
  readonly #following = new Set<Following<S>>();
  #run: Run<S> | null = null;

  constructor(begin: () => S, tools: LoopTools) {
    this.#begin = begin;
    this.#tools = tools;
  }

  get idle(): boolean {
    return this.#following.size === 0;
  }

  /** Tells at once what is known already. Settles after `signal` aborts, and after the loop has ended if it was the last. */
  async follow(key: string | null, follower: CollectionFollower<S>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const following = { key, follower, signal };
    this.#following.add(following);
    const run = (this.#run ??= this.#start());
    if (run.known) follower.update(run.source, true, undefined);
    if (run.failure && !signal.aborted) follower.fail(run.failure);
    await untilAborted(signal);
    this.#following.delete(following);
    if (!this.idle) return;
    if (this.#run === run) this.#run = null;
    run.abort.abort();
    await run.done;
  }

  #start(): Run<S> {
    const source = this.#begin();
    const abort = new AbortController();
    abort.signal.addEventListener('abort', () => source.close(), { once: true });
    const question: Question<CollectionChange> = {
      gate: source.gate,
      ask: (fresh, signal) => source.ask(fresh, signal),
      deadline: (fresh) => source.deadline(fresh),
      deliver: (change) => {
        run.known = true;
        run.failure = null;
        this.#tell(source, change);
      },
      fail: (error) => {
        run.failure = error;
        for (const { follower, signal } of [...this.#following]) if (!signal.aborted) follower.fail(error);
      },
    };
    const run: Run<S> = { source, abort, done: Promise.resolve(), known: false, failure: null };
    return Object.assign(run, { done: runWatch(question, this.#tools, abort.signal) });
  }

  /**
   * Everyone hears of a confirmation, so that what is known shows its true age, but not of a change that concerns others:
   * a thousand services must not be looked at for each change of one.
   */
  #tell(source: S, { changed, confirms, doubt }: CollectionChange): void {
    for (const { key, follower, signal } of [...this.#following]) {
      if (signal.aborted) continue;
      const concerned = changed === null || (key === null ? changed.size > 0 : changed.has(key));
      if (concerned || confirms) follower.update(source, concerned, doubt);
    }
  }
}
