import { Agent, request } from 'node:http';
import { seededRandom } from '../../src/core/random.ts';

/** One request that was due. */
export interface Sample {
  /** When it was due, in milliseconds since the load began. */
  readonly at: number;
  /** From when it was due to the end of its answer, in milliseconds. */
  readonly took: number;
  /** 0 when there was no whole answer. */
  readonly status: number;
  /** Which node answered; empty for an answer of the proxy's own. */
  readonly node: string;
  /** Why there was no answer. */
  readonly error: string;
}

const PATIENCE_MS = 10_000;

/**
 * GETs at a fixed mean rate, whether or not earlier ones are answered (open loop): arrivals are Poisson, the same in every
 * run. The time that a request takes counts from when it was due, so a proxy that stalls is not spared the requests that
 * would have come meanwhile (no coordinated omission). Connections are kept alive; there are as many as are needed.
 */
export class OpenLoop {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1024 });
  readonly #port: number;
  readonly #rate: number;
  readonly #arrivals = seededRandom(1);
  readonly #items = seededRandom(2);
  readonly #samples: Sample[] = [];
  #underWay = 0;

  constructor(port: number, perSecond: number) {
    this.#port = port;
    this.#rate = perSecond / 1000;
  }

  /**
   * Sends for so long, and until `other` is over; waits for what is under way, and returns what came of each request, in
   * order of their ends.
   */
  async run(milliseconds: number, other: Promise<void> = Promise.resolve()): Promise<readonly Sample[]> {
    let isOver = false;
    const noted = other.finally(() => {
      isOver = true;
    });
    const began = performance.now();
    let due = this.#gap();
    while (due < milliseconds || !isOver) {
      const now = performance.now() - began;
      const until = isOver ? Math.min(now, milliseconds) : now;
      for (; due < until; due += this.#gap()) this.#send(began, due);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (this.#underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await noted;
    return this.#samples.splice(0);
  }

  close(): void {
    this.#agent.destroy();
  }

  #gap(): number {
    return -Math.log(1 - this.#arrivals.next()) / this.#rate;
  }

  #send(began: number, at: number): void {
    this.#underWay += 1;
    let over = false;
    const done = (status: number, node: string, error: string) => {
      // An answer that breaks can be told twice.
      if (over) return;
      over = true;
      this.#underWay -= 1;
      this.#samples.push({ at, took: performance.now() - began - at, status, node, error });
    };
    const path = `/items/${this.#items.below(10_000)}`;
    const outgoing = request({ agent: this.#agent, host: '127.0.0.1', port: this.#port, path, timeout: PATIENCE_MS });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', (error) => done(0, '', error.message));
    outgoing.on('response', (answer) => {
      const node = String(answer.headers['x-node'] ?? '');
      answer.on('error', () => {});
      answer.on('close', () => {
        if (answer.complete) done(answer.statusCode ?? 0, node, '');
        else done(0, node, 'the answer broke');
      });
      answer.resume();
    });
    outgoing.end();
  }
}
