import { hashText } from '../balancers/hash.ts';
import { Outcome } from '../balancers/types.ts';
import { documentFrom } from '../config/document.ts';
import type { DocumentInput } from '../config/types.ts';
import { type Clock, settledBy, sleep, systemClock } from '../core/clock.ts';
import { HeadgateError } from '../core/errors.ts';
import { type Log, silentLog } from '../core/log.ts';
import { systemRandom } from '../core/random.ts';
import { LocalPlane } from './local-plane.ts';
import { UpstreamDispatcher } from './upstream-dispatcher.ts';

const ID = 'upstream';

type UpstreamInput = Omit<NonNullable<DocumentInput['upstreams']>[number], 'id'>;

/** An upstream as in the configuration of the gateway, and what belongs to it. */
export interface UpstreamOptions extends UpstreamInput {
  /** Registries and guard, as under `discovery` in the configuration. */
  readonly discovery?: NonNullable<DocumentInput['discovery']>;
  /** Directory for the last good node sets; without it nothing is kept. */
  readonly stateDirectory?: string;
  /** Takes events; without it they are dropped. */
  readonly log?: Log;
}

/** A node that was picked, and counted in until `done`. */
export interface PickedNode {
  readonly host: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Counts the use out; later calls do nothing. `failed`: the node is to blame. `unreachable`: there was no connection, so
   * nobody picks it for a second while others can be.
   */
  done(how?: 'ok' | 'failed' | 'unreachable'): void;
}

/** The nodes of one service, as a Node.js program uses them. */
export class UpstreamClient {
  /** For undici's `request`, `fetch` and every client that takes a dispatcher. */
  readonly dispatcher: UpstreamDispatcher;
  readonly #plane: LocalPlane;
  readonly #clock: Clock;

  constructor(plane: LocalPlane, clock: Clock) {
    this.#plane = plane;
    this.#clock = clock;
    this.dispatcher = new UpstreamDispatcher(plane.snapshots, ID, clock);
  }

  /** The node for the next use; null when there is none. `chash` gives the same node for the same `hashKey`. */
  pick({ hashKey = '' }: { readonly hashKey?: string } = {}): PickedNode | null {
    const upstream = this.#plane.snapshots.current.upstreams.get(ID);
    const startedAt = this.#clock.now();
    const handle = upstream?.pick({ hash: hashText(hashKey), now: startedAt, tried: [] }, null);
    if (!upstream || !handle) return null;
    handle.begin();
    let over = false;
    const done = (how: 'ok' | 'failed' | 'unreachable' = 'ok') => {
      if (over) return;
      over = true;
      const now = this.#clock.now();
      if (how === 'unreachable') upstream.connectFailed(handle, now);
      if (how === 'ok') handle.answered(Math.max(1, (now - startedAt) * 1000), now);
      const outcome = { ok: Outcome.success, failed: Outcome.reset, unreachable: Outcome.connectFailure }[how];
      handle.end(outcome, now);
    };
    const { host, port, metadata } = handle.node;
    return { host, port, metadata, done };
  }

  /** `host:port` parts of all nodes known now. */
  nodes(): readonly {
    readonly host: string;
    readonly port: number;
    readonly weight: number;
    readonly inflight: number;
  }[] {
    const handles = this.#plane.snapshots.current.upstreams.get(ID)?.handles ?? [];
    return handles.map((handle) => ({
      host: handle.node.host,
      port: handle.node.port,
      weight: handle.weight,
      inflight: handle.inflight(),
    }));
  }

  /** Resolves when there is a node to pick; rejects with `NO_NODE` after `timeoutMs`. */
  async ready(timeoutMs = 10_000): Promise<void> {
    const limit = this.#clock.now() + timeoutMs;
    while (this.nodes().length === 0) {
      if (this.#clock.now() >= limit) {
        const [set] = this.#plane.nodeSets.all();
        const reason = set?.reason ?? 'the registry lists none';
        throw new HeadgateError(`no node after ${timeoutMs} ms: ${reason}`, { code: 'NO_NODE', source: 'upstream' });
      }
      await sleep(this.#clock, 10);
    }
  }

  /** Waits for requests under way, `timeoutMs` at most, and lets go of everything. */
  async close(timeoutMs = 5000): Promise<void> {
    const deadline = this.#clock.now() + timeoutMs;
    await settledBy(this.#clock, deadline, this.dispatcher.close());
    await this.dispatcher.destroy(null);
    await this.#plane.close(deadline);
  }
}

/**
 * Discovery, guard, health checks and balancing of one upstream inside a Node.js program: the same core as the gateway's.
 * Throws a HeadgateError (`BAD_CONFIG`) that names every wrong option.
 */
export async function upstream(options: UpstreamOptions): Promise<UpstreamClient> {
  const { discovery, stateDirectory, log = silentLog, ...definition } = options;
  const document = documentFrom({
    upstreams: [{ id: ID, ...definition }],
    ...(discovery ? { discovery } : {}),
  });
  const plane = new LocalPlane(document, stateDirectory ?? null, { clock: systemClock, random: systemRandom, log });
  await plane.start();
  return new UpstreamClient(plane, systemClock);
}
