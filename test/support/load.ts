import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export interface LoadResult {
  readonly requests: number;
  /** What went wrong, one line each. */
  readonly failures: readonly string[];
}

/** Answers of a load that is under way, as they come. */
export type OnAnswer = (body: string) => void;

/**
 * Keep-alive GETs by Node.js's own client, `connections` at a time, until it is stopped. `rest`: milliseconds that each
 * connection waits between two of them, to leave the processor to others.
 */
export class Load {
  readonly #agent: Agent;
  readonly #url: string;
  readonly #onAnswer: OnAnswer;
  readonly #rest: number;
  readonly #loops: Promise<void>[];
  readonly #failures: string[] = [];
  #requests = 0;
  #stopping = false;

  constructor(url: string, connections: number, onAnswer: OnAnswer = () => {}, rest = 0) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#url = url;
    this.#onAnswer = onAnswer;
    this.#rest = rest;
    this.#loops = Array.from({ length: connections }, () => this.#loop());
  }

  get requests(): number {
    return this.#requests;
  }

  /** What went wrong so far. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Resolves after `count` more requests. */
  async more(count: number): Promise<void> {
    const target = this.#requests + count;
    while (this.#requests < target) await pause(2);
  }

  async stop(): Promise<LoadResult> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
    return { requests: this.#requests, failures: this.#failures };
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      const problem = await this.#get();
      this.#requests += 1;
      if (problem !== null) this.#failures.push(`request ${this.#requests}: ${problem}`);
      if (this.#rest > 0) await pause(this.#rest);
    }
  }

  /** Null when the answer was 200 and whole. */
  #get(): Promise<string | null> {
    return new Promise((resolve) => {
      const outgoing = request(this.#url, { agent: this.#agent, timeout: 15_000 }, (answer) => {
        let body = '';
        answer.on('data', (chunk: Buffer) => (body += chunk));
        answer.on('error', (error) => resolve(`the answer broke: ${error.message}`));
        answer.on('end', () => {
          this.#onAnswer(body);
          resolve(answer.statusCode === 200 && answer.complete ? null : `status ${answer.statusCode}: ${body}`);
        });
      });
      outgoing.on('error', (error) => resolve(`no answer: ${error.message}`));
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 15 s')));
      outgoing.end();
    });
  }
}
