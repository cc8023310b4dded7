import { MessageChannel, Worker as Thread } from 'node:worker_threads';
import { Backoff } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Closable } from '../core/scope.ts';
import type { WorkerLink } from '../l4/udp-exchange.ts';
import { replayEvent } from '../telemetry/forwarded-log.ts';
import type { ExplainQuestion, Explanation } from '../upstream/explanation.ts';
import type { NodeAlarm } from '../upstream/handle.ts';
import type { PlanPatch } from '../upstream/plan.ts';
import type { FromWorker, ToWorker, WorkerSeed } from '../worker/protocol.ts';

/** A worker that lived this long has earned a quick restart. */
const STABLE_MS = 30_000;
/** Time that a thread gets, after its deadline, to say that it has closed. */
const GRACE_MS = 2000;
/** How long a worker may take to explain something. */
const EXPLAIN_MS = 5000;

/** What the pool tells its owner. */
export interface WorkerEvents {
  released(worker: number, version: number, slots: readonly number[]): void;
  /** A worker saw something about the node in `slot` that is decided here. */
  alarm(slot: number, alarm: NodeAlarm): void;
  /** The thread is gone: its connections are lost, its numbers stay. */
  gone(worker: number): void;
}

export interface WorkerState {
  readonly index: number;
  readonly listening: boolean;
  readonly restarts: number;
  readonly lagMs: number;
  readonly accessLogDropped: number;
  /** Version of the plan that the worker routes by. */
  readonly version: number;
}

interface Seat {
  readonly index: number;
  readonly backoff: Backoff;
  thread: Thread | null;
  startedAt: number;
  listening: boolean;
  restarts: number;
  lagMs: number;
  accessLogDropped: number;
  version: number;
  closed: boolean;
  cut: number;
}

export interface WorkerPoolParts {
  readonly count: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What a worker starts from, made anew for each thread. */
  seed(index: number): Omit<WorkerSeed, 'links'>;
  readonly events: WorkerEvents;
}

/** The worker threads: starts them, feeds them patches, restarts one that dies, closes them. */
export class WorkerPool implements Closable {
  readonly #parts: WorkerPoolParts;
  readonly #questions = new Map<number, (explanation: Explanation) => void>();
  #nextQuestion = 1;
  readonly #seats: readonly Seat[];
  #failure: HeadgateError | null = null;
  #stopping = false;
  #deadline = 0;
  #closing: Promise<void> | null = null;
  #changed: () => void = () => {};

  constructor(parts: WorkerPoolParts) {
    this.#parts = parts;
    this.#seats = Array.from({ length: parts.count }, (_, index) => ({
      index,
      backoff: new Backoff(parts.random, 200, 10_000, 2),
      thread: null,
      startedAt: 0,
      listening: false,
      restarts: 0,
      lagMs: 0,
      accessLogDropped: 0,
      version: 0,
      closed: false,
      cut: 0,
    }));
  }

  /** Starts every worker; rejects with the first failure to bind a listener. */
  async start(): Promise<void> {
    for (const seat of this.#seats) this.#launch(seat);
    await this.#until(() => this.#failure !== null || this.#seats.every((seat) => seat.listening));
    if (this.#failure) throw this.#failure;
  }

  /** Indices of the threads that may touch shared memory. */
  alive(): number[] {
    return this.#seats.filter((seat) => seat.thread !== null).map((seat) => seat.index);
  }

  states(): WorkerState[] {
    return this.#seats.map(({ index, listening, restarts, lagMs, accessLogDropped, version }) => ({
      index,
      listening,
      restarts,
      lagMs,
      accessLogDropped,
      version,
    }));
  }

  publish(patch: PlanPatch): void {
    this.#broadcast({ type: 'patch', patch });
  }

  reopenLogs(): void {
    this.#broadcast({ type: 'reopen-logs' });
  }

  /** Connections that were cut at the deadline, over all workers; meaningful after `close`. */
  get cut(): number {
    return this.#seats.reduce((total, seat) => total + seat.cut, 0);
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  /** Brings the deadline of a close that is under way forward to now. */
  cutNow(): void {
    this.#deadline = this.#parts.clock.now();
    this.#broadcast({ type: 'close', deadline: this.#deadline });
  }

  async #close(deadline: number): Promise<void> {
    const { clock } = this.#parts;
    this.#stopping = true;
    this.#deadline = Math.max(deadline, clock.now());
    this.#broadcast({ type: 'close', deadline });
    const isOpen = () => this.#seats.some((seat) => seat.thread && !seat.closed);
    while (isOpen() && clock.now() < this.#deadline + GRACE_MS) await sleep(clock, 10);
    await Promise.all(this.#seats.map((seat) => seat.thread?.terminate()));
  }

  #broadcast(message: ToWorker): void {
    for (const seat of this.#seats) seat.thread?.postMessage(message);
  }

  #launch(seat: Seat): void {
    const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
    const entry = new URL(`../worker/entry.${extension}`, import.meta.url);
    const seed = this.#parts.seed(seat.index);
    const links = seed.owners ? this.#link(seat) : [];
    const thread = new Thread(entry, {
      workerData: { ...seed, links } satisfies WorkerSeed,
      transferList: links.map(({ port }) => port),
      name: `worker-${seat.index}`,
    });
    seat.thread = thread;
    seat.startedAt = this.#parts.clock.now();
    thread.on('message', (message: FromWorker) => this.#receive(seat, message));
    thread.on('error', (error) => {
      this.#parts.log.error('worker.crashed', `worker ${seat.index} crashed: ${reasonOf(error)}`, {
        worker: seat.index,
        stack: error instanceof Error ? error.stack : undefined,
      });
    });
    thread.on('exit', () => this.#gone(seat, thread));
  }

  /** A way from each worker that is there to the one that comes. */
  #link(seat: Seat): WorkerLink[] {
    const links: WorkerLink[] = [];
    for (const { index, thread } of this.#seats) {
      if (index === seat.index || !thread) continue;
      const { port1, port2 } = new MessageChannel();
      thread.postMessage({ type: 'link', link: { worker: seat.index, port: port2 } } satisfies ToWorker, [port2]);
      links.push({ worker: index, port: port1 });
    }
    return links;
  }

  #gone(seat: Seat, thread: Thread): void {
    if (seat.thread !== thread) return;
    seat.thread = null;
    seat.listening = false;
    this.#parts.events.gone(seat.index);
    this.#changed();
    if (this.#stopping || this.#failure) return;
    const { clock, log } = this.#parts;
    if (clock.now() - seat.startedAt > STABLE_MS) seat.backoff.reset();
    const wait = seat.backoff.next();
    seat.restarts += 1;
    log.warn('worker.restart', `worker ${seat.index} is gone; a new one starts in ${Math.round(wait)} ms`, {
      worker: seat.index,
    });
    clock.after(wait, () => {
      if (!this.#stopping) this.#launch(seat);
    });
  }

  /** How a worker would handle a request. Null when none answers in time. */
  async explain(question: ExplainQuestion): Promise<Explanation | null> {
    const seat = this.#seats.find(({ listening }) => listening);
    if (!seat?.thread) return null;
    const id = this.#nextQuestion++;
    const answered = new AbortController();
    let explanation: Explanation | null = null;
    this.#questions.set(id, (answer) => {
      explanation = answer;
      answered.abort();
    });
    seat.thread.postMessage({ type: 'explain', id, question } satisfies ToWorker);
    await sleep(this.#parts.clock, EXPLAIN_MS, answered.signal);
    this.#questions.delete(id);
    return explanation;
  }

  #receive(seat: Seat, message: FromWorker): void {
    switch (message.type) {
      case 'listening':
        seat.listening = true;
        return this.#changed();
      case 'failed':
        this.#failed(seat, new HeadgateError(message.message, { code: message.code, source: 'self' }));
        void seat.thread?.terminate();
        return;
      case 'applied':
        seat.version = message.version;
        return;
      case 'released':
        return this.#parts.events.released(seat.index, message.version, message.slots);
      case 'closed':
        seat.closed = true;
        seat.cut += message.cut;
        void seat.thread?.terminate();
        return;
      case 'explained':
        this.#questions.get(message.id)?.(message.explanation);
        return;
      case 'alarm':
        return this.#parts.events.alarm(message.slot, message.alarm);
      case 'log':
        return replayEvent(this.#parts.log, seat.index, message.entry);
      case 'pulse':
        seat.lagMs = message.lagMs;
        seat.accessLogDropped = message.accessLogDropped;
        return;
    }
  }

  /** At the start a failure to listen ends the process with its reason; later the worker is tried again. */
  #failed(seat: Seat, failure: HeadgateError): void {
    if (this.#seats.every((other) => other.restarts === 0)) this.#failure ??= failure;
    else this.#parts.log.error('worker.listen-failed', failure.message, { worker: seat.index });
    this.#changed();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    this.#changed = () => {};
  }
}
