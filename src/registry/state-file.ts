import { readFile, rename } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { LateFile } from '../core/late-file.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { CheckRunner } from './checks.ts';
import { decodeRegistration } from './decode.ts';
import { encodeCheck, encodeService } from './encode.ts';
import type { RegistryStore } from './store.ts';

const FORMAT = 1;
/** Changes within this time are written together. */
const WRITE_DELAY = 500;

interface SavedService {
  readonly registration: unknown;
  /** Wall-clock milliseconds at which each TTL check expires, by check id. */
  readonly expires: Readonly<Record<string, number>>;
}

/** The registrations on disk, so that a restart of the gateway loses none. Each is kept as the request that makes it. */
export class StateFile implements Closable {
  readonly #path: string;
  readonly #store: RegistryStore;
  readonly #runner: CheckRunner;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #file: LateFile;
  #restored = false;

  constructor(path: string, store: RegistryStore, runner: CheckRunner, clock: Clock, log: Log) {
    this.#path = path;
    this.#store = store;
    this.#runner = runner;
    this.#clock = clock;
    this.#log = log;
    const onFailure = (error: unknown) => {
      log.warn('registry.state', `the registrations cannot be kept in ${path}: ${reasonOf(error)}`);
    };
    this.#file = new LateFile({ path, clock, encode: () => this.#encode(), onFailure });
  }

  /**
   * Puts the saved registrations into the store; nothing is written before. A file that cannot be read is reported and
   * kept beside as `.bad`.
   */
  async restore(): Promise<void> {
    let count = 0;
    this.#restored = true;
    try {
      const saved = parseState(await readFile(this.#path, 'utf8'));
      for (const entry of saved) {
        this.#restoreService(entry);
        count += 1;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#log.warn('registry.state', `the registrations in ${this.#path} could not all be read: ${reasonOf(error)}`);
      await rename(this.#path, `${this.#path}.bad`).catch(() => undefined);
    }
    this.#log.info('registry.restored', `${count} registrations restored from ${this.#path}`, { count });
  }

  /**
   * A TTL check keeps its status for the time that it had left, as in Consul; one that expired meanwhile is critical.
   * Other checks keep theirs until their first probe, which comes at once.
   */
  #restoreService({ registration, expires }: SavedService): void {
    const { service, checks } = decodeRegistration(registration);
    const now = this.#clock.wall();
    const current = checks.map((check) => {
      const expired = check.source.kind === 'ttl' && !((expires[check.id] ?? 0) > now);
      return expired ? { ...check, initial: 'critical' as const } : check;
    });
    this.#store.register(service, current, true);
    for (const { id } of current) {
      const check = this.#store.check(id);
      const left = (expires[id] ?? 0) - now;
      if (check && left > 0) this.#runner.resume(check, left);
    }
  }

  /** Something changed: write soon. */
  dirty(): void {
    if (this.#restored) this.#file.dirty(WRITE_DELAY);
  }

  /** What is saved last includes how long each TTL check has left. */
  close(deadline: number): Promise<void> {
    this.dirty();
    return this.#file.close(deadline);
  }

  #encode(): string {
    const wall = this.#clock.wall();
    const services = [...this.#store.instances()].map(({ service }): SavedService => {
      const checks = this.#store.checksOf(service.id).filter((check) => check.definition.source.kind !== 'maintenance');
      const expires: Record<string, number> = {};
      for (const check of checks) {
        const left = this.#runner.remaining(check);
        if (left !== null) expires[check.definition.id] = Math.round(wall + left);
      }
      return { registration: { ...encodeService(service), Checks: checks.map(encodeCheck) }, expires };
    });
    return `${JSON.stringify({ format: FORMAT, services })}\n`;
  }
}

function parseState(text: string): readonly SavedService[] {
  const state = JSON.parse(text) as { format?: unknown; services?: unknown } | null;
  if (state?.format !== FORMAT || !Array.isArray(state.services))
    throw new Error('not a registry state of this version');
  return state.services.map((entry: Partial<SavedService> | null): SavedService => {
    return { registration: entry?.registration, expires: entry?.expires ?? {} };
  });
}
