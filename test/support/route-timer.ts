import { setTimeout as pause } from 'node:timers/promises';
import { Load, type LoadResult } from './load.ts';

const CONNECTIONS = 4;
const REST_MS = 1;

/** Milliseconds on the clock of this process. */
export interface Timed {
  readonly began: number;
  readonly ended: number;
}

/** Measures from a change in a registry to the traffic that follows it, under load; each node answers with its name. */
export class RouteTimer {
  readonly #load: Load;
  readonly #first = new Map<string, number>();
  readonly #last = new Map<string, number>();

  constructor(url: string) {
    const seen = (name: string) => {
      const now = performance.now();
      this.#last.set(name, now);
      if (!this.#first.has(name)) this.#first.set(name, now);
    };
    this.#load = new Load(url, CONNECTIONS, seen, REST_MS);
  }

  /** From the beginning of `register` to the first answer of the node. */
  async comesIn(name: string, register: () => Promise<unknown>): Promise<Timed> {
    this.#first.delete(name);
    const began = performance.now();
    await register();
    while (!this.#first.has(name)) await pause(1);
    return { began, ended: this.#first.get(name)! };
  }

  /** From the beginning of `deregister` to the last answer of the node; `gone`: whether the gateway has taken it in. */
  async goesOut(name: string, deregister: () => Promise<unknown>, gone: () => Promise<boolean>): Promise<Timed> {
    const began = performance.now();
    await deregister();
    while (!(await gone())) await pause(5);
    await this.#load.more(50);
    return { began, ended: Math.max(began, this.#last.get(name) ?? 0) };
  }

  /** Changes within 200 ms of many others are merged; after this the next one is an ordinary one. */
  async rest(): Promise<void> {
    await pause(250);
  }

  stop(): Promise<LoadResult> {
    return this.#load.stop();
  }
}

export function took({ began, ended }: Timed): number {
  return ended - began;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
