import type { DocumentInput } from '../../src/config/types.ts';

/**
 * What a registry can do in place of answering.
 *
 * `refused`: nobody listens. `reset`: the connection is cut in the middle of an answer. `error`: it says that it failed.
 * `garbage`: an answer of something else. `truncated`: half an answer that ends in order. `blank`: an answer of no bytes.
 * `hang`: silence, as from a machine that has lost its power. `stall`: half an answer, then silence.
 */
export const FAULTS = ['refused', 'reset', 'error', 'garbage', 'truncated', 'blank', 'hang', 'stall'] as const;
export type Fault = (typeof FAULTS)[number];

/**
 * What can be wrong with one entry among good ones. `shape`: a port that is not even a number. `entry`: it is not what the
 * registry lists, but it is known which service it belongs to.
 */
export const FLAWS = ['host', 'port', 'shape', 'weight', 'entry'] as const;
export type Flaw = (typeof FLAWS)[number];

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** A registry with one service, `web`, that answers by itself: the test says what is registered, and how it fails. */
export interface FakeRegistry {
  /** The block of the configuration that leads to it. */
  readonly block: NonNullable<DocumentInput['discovery']>;
  /** What the service is called in an upstream. */
  readonly service: string;
  /** The code with which the lack of the service is told; null where that is the same as no nodes. */
  readonly absence: string | null;
  /** How many nodes one service can have. */
  readonly capacity: number;
  /** Grows with everything that happens at the registry's end. */
  readonly activity: number;
  /** How often it was asked. */
  readonly questions: number;

  /** Exactly these are registered from now on, in this order, and one more with a flaw. */
  put(places: readonly Place[], flaw?: Flaw): void;
  /** There is no such service from now on. */
  remove(): void;
  /** As after a restore of an old backup: other nodes, and a history that is shorter. Absent where there is no history. */
  rewind?(places: readonly Place[]): void;
  break(fault: Fault): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** A kind of registry: how it is made, and what can happen with it. */
export interface RegistryKind {
  readonly type: string;
  readonly faults: readonly Fault[];
  readonly flaws: readonly Flaw[];
  /** It counts its changes, and can lose some. */
  readonly rewinds: boolean;
  /** The adapter can list its services. */
  readonly lists: boolean;
  start(): Promise<FakeRegistry>;
}
