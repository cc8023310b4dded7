import { parseDuration } from './durations.ts';
import { RequestError } from './request-error.ts';

function normalised(key: string): string {
  return key.replaceAll('_', '').toLowerCase();
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

/**
 * Reads the members of one JSON object of a request. Names match whatever their case and with or without underscores, as
 * Consul's clients write both `DeregisterCriticalServiceAfter` and `deregister_critical_service_after`. A member that is
 * null counts as absent; one that nobody asks for is ignored.
 */
export class Fields {
  readonly #members = new Map<string, unknown>();
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new RequestError(400, `${path || 'The body'} must be a JSON object, not ${kindOf(value)}`);
    }
    this.#path = path;
    for (const [key, member] of Object.entries(value)) {
      if (member !== null) this.#members.set(normalised(key), member);
    }
  }

  /** The place of a member, for messages: `Check.Interval`. */
  place(name: string): string {
    return this.#path ? `${this.#path}.${name}` : name;
  }

  refuse(name: string, expected: string): never {
    throw new RequestError(400, `${this.place(name)} must be ${expected}, not ${kindOf(this.raw(name))}`);
  }

  raw(name: string): unknown {
    return this.#members.get(normalised(name));
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  text(name: string, fallback = ''): string {
    const value = this.raw(name) ?? fallback;
    return typeof value === 'string' ? value : this.refuse(name, 'a string');
  }

  flag(name: string): boolean {
    const value = this.raw(name) ?? false;
    return typeof value === 'boolean' ? value : this.refuse(name, 'true or false');
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const value = this.raw(name) ?? fallback;
    if (typeof value !== 'number') this.refuse(name, 'a number');
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RequestError(400, `${this.place(name)} must be a whole number from ${min} to ${max}, not ${value}`);
    }
    return value;
  }

  /** A duration in milliseconds: text such as `10s`, or a number of nanoseconds as Go's clients may send. 0 when absent. */
  duration(name: string): number {
    const value = this.raw(name) ?? '';
    if (typeof value === 'number') return Math.max(0, value / 1e6);
    if (typeof value !== 'string') this.refuse(name, 'a duration such as "10s"');
    if (value === '') return 0;
    const ms = parseDuration(value);
    if (ms === null) {
      throw new RequestError(400, `${this.place(name)}: "${value}" is not a duration; write "10s" or "1m30s"`);
    }
    return ms;
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name) ?? [];
    return Array.isArray(value) ? value : this.refuse(name, 'a list');
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((entry) => {
      if (typeof entry === 'string') return entry;
      throw new RequestError(400, `${this.place(name)} must hold strings only, not ${kindOf(entry)}`);
    });
  }

  /** The members of an object of free keys; `[]` when absent. */
  entries(name: string): readonly (readonly [string, unknown])[] {
    const value = this.raw(name) ?? {};
    if (typeof value !== 'object' || Array.isArray(value)) this.refuse(name, 'an object');
    return Object.entries(value as object);
  }
}
