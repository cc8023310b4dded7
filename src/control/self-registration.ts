import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Closable } from '../core/scope.ts';
import { withDeadline } from '../discovery/deadline.ts';
import type { OwnState, Registrar } from '../discovery/registrar.ts';
import { type Question, runWatch } from '../discovery/watch-loop.ts';

export interface SelfRegistrationParts {
  readonly registrars: readonly Registrar[];
  /** Read before every heartbeat. */
  readonly state: () => OwnState;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** While this Headgate is not ready it looks this often (ms) whether it is, so that it is found soon once it can serve. */
const UNREADY_MS = 500;

/**
 * Registers this Headgate itself, sends heartbeats, and takes the registration back.
 *
 * The loop is that of every watch: a registry that fails is asked again after a growing pause, and gets the whole
 * registration then, and every few minutes besides, in case it has forgotten.
 */
export class SelfRegistration implements Closable {
  readonly #parts: SelfRegistrationParts;
  readonly #abort = new AbortController();
  #loops: Promise<unknown> = Promise.resolve();
  #started = false;
  #ended: Promise<void> | null = null;

  constructor(parts: SelfRegistrationParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#started || this.#ended) return;
    this.#started = true;
    this.#loops = Promise.all(this.#parts.registrars.map((registrar) => this.#keep(registrar)));
  }

  /** Ends the heartbeats and deregisters everywhere, by `deadline` at the latest. Never rejects. */
  deregister(deadline: number): Promise<void> {
    this.#ended ??= this.#deregister(deadline);
    return this.#ended;
  }

  async close(deadline: number): Promise<void> {
    await this.deregister(deadline);
    await Promise.all(this.#parts.registrars.map((registrar) => registrar.close(deadline)));
  }

  #keep(registrar: Registrar): Promise<void> {
    const { clock, random, log, state } = this.#parts;
    const { registry } = registrar;
    let registered: boolean | null = null;
    let failure = '';
    const question: Question<void> = {
      gate: null,
      ask: async (fresh, signal) => {
        const now = state();
        await (fresh ? registrar.register(now, signal) : registrar.renew(now, signal));
        return { value: undefined, pause: now.ready ? registrar.interval : Math.min(UNREADY_MS, registrar.interval) };
      },
      deadline: () => registrar.patience,
      deliver: () => {
        if (registered !== true) log.info('registration.made', `registered in ${registry}`, { registry });
        registered = true;
        failure = '';
      },
      fail: (error) => {
        registered = false;
        if (failure === error.message) return;
        failure = error.message;
        log.warn('registration.failed', `not registered: ${failure}; it is tried again`, { registry });
      },
    };
    return runWatch(question, { clock, random }, this.#abort.signal);
  }

  async #deregister(deadline: number): Promise<void> {
    this.#abort.abort();
    await this.#loops;
    if (this.#started) await Promise.all(this.#parts.registrars.map((registrar) => this.#take(registrar, deadline)));
  }

  async #take(registrar: Registrar, deadline: number): Promise<void> {
    const { clock, log } = this.#parts;
    const { registry } = registrar;
    const never = new AbortController().signal;
    try {
      const left = Math.max(1, deadline - clock.now());
      await withDeadline(clock, left, never, (signal) => registrar.deregister(signal));
      log.info('registration.ended', `deregistered from ${registry}`, { registry });
    } catch (error) {
      const text = `${registry} was not told that this Headgate ends: ${reasonOf(error)}; it finds out by the missing heartbeats`;
      log.warn('registration.left-behind', text, { registry });
    }
  }
}
