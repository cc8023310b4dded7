import type { DocumentInput } from '../../../src/config/types.ts';
import { formatAddress } from '../../../src/core/address.ts';
import type { Random } from '../../../src/core/random.ts';
import { changeUpstream, UPSTREAM_CHANGES } from './upstream-changes.ts';

export type UpstreamInput = NonNullable<DocumentInput['upstreams']>[number];
export type RouteInput = NonNullable<DocumentInput['routes']>[number];

export interface ChurnNode {
  readonly host: string;
  readonly port: number;
  weight: number;
  priority: number;
  metadata: Record<string, string>;
}

/** An upstream as the churn has it at the moment. */
export interface ChurnUpstream {
  readonly id: string;
  /** In the order of the configuration. The first of the pool is always there, and can always be used. */
  nodes: ChurnNode[];
  /** Everything but `id` and where nodes come from. */
  settings: Omit<UpstreamInput, 'id' | 'nodes' | 'sources'>;
  /** Nodes from this place on come from a second source. */
  splitAt: number | null;
}

/** Where the churn may take nodes from, and what it starts with. */
export interface ChurnPool {
  readonly id: string;
  readonly ports: readonly number[];
  /** Settings that it begins with. */
  readonly settings?: ChurnUpstream['settings'];
  /** Kinds of change that it is spared. */
  readonly spared?: readonly string[];
}

export interface ChurnOptions {
  readonly pools: readonly ChurnPool[];
  /** Routes that are always there. */
  readonly routes: readonly RouteInput[];
  /** Everything else of the configuration. */
  readonly rest?: DocumentInput;
}

/** An operator's order for one node. */
export interface ChurnOrder {
  readonly upstream: string;
  readonly node: string;
  readonly action: 'drain' | 'disable' | 'enable' | 'weight';
  readonly weight: number | null;
}

/** One step of the churn; `what` is for people. */
export type ChurnStep =
  | { readonly kind: 'configure'; readonly what: string }
  | { readonly kind: 'refused'; readonly what: string; readonly document: object }
  | { readonly kind: 'order'; readonly what: string; readonly order: ChurnOrder };

/** What a step says that changes nothing. */
export const SAME = 'the very same configuration';

const HOST = '127.0.0.1';
const ZONES = ['a', 'b', undefined];

/** Changes a configuration at random, one thing at a time, and knows what should come of it. Repeatable by its seed. */
export class ConfigChurn {
  readonly upstreams: readonly ChurnUpstream[];
  /** Orders in force, by `upstream|host:port`. */
  readonly orders = new Map<string, { state: 'drain' | 'disable' | null; weight: number | null }>();
  readonly #random: Random;
  readonly #options: ChurnOptions;
  #routes: RouteInput[];
  #zone: string | undefined = 'a';
  #made = 0;

  constructor(random: Random, options: ChurnOptions) {
    this.#random = random;
    this.#options = options;
    this.#routes = [...options.routes];
    this.upstreams = options.pools.map(({ id, ports, settings = {} }) => {
      const nodes = ports.slice(0, Math.ceil(ports.length / 2)).map((port) => this.newNode(port));
      nodes[0]!.metadata.version = 'v1';
      return { id, nodes, settings, splitAt: null };
    });
  }

  /** The configuration as it stands. */
  document(): DocumentInput {
    return {
      ...this.#options.rest,
      ...(this.#zone === undefined ? {} : { zone: this.#zone }),
      upstreams: this.upstreams.map(inputOf),
      routes: this.#routes,
    };
  }

  /** Changes one thing. */
  next(): ChurnStep {
    const dice = this.#random.below(100);
    if (dice < 4) return { kind: 'configure', what: SAME };
    if (dice < 10) return this.#mistake();
    if (dice < 25) return this.#order();
    if (dice < 40) return { kind: 'configure', what: this.#changeRoutes() };
    if (dice < 43) {
      this.#zone = this.pick(ZONES);
      return { kind: 'configure', what: `zone ${this.#zone}` };
    }
    const upstream = this.pick(this.upstreams);
    const { ports, spared = [] } = this.#options.pools.find(({ id }) => id === upstream.id)!;
    const kinds = Object.keys(UPSTREAM_CHANGES).filter((kind) => !spared.includes(kind));
    return { kind: 'configure', what: `${upstream.id}: ${changeUpstream(this.pick(kinds), upstream, ports, this)}` };
  }

  pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  below(n: number): number {
    return this.#random.below(n);
  }

  newNode(port: number): ChurnNode {
    const metadata = { zone: this.pick(['a', 'b']), version: this.pick(['v1', 'v2']) };
    return { host: HOST, port, weight: 1 + this.below(5), priority: 0, metadata };
  }

  /** A configuration that must be refused. */
  #mistake(): ChurnStep {
    const { upstreams = [], ...document } = this.document();
    const mistakes: readonly [string, object][] = [
      ['a port out of range', { ...document, upstreams: [{ id: 'web', nodes: { '127.0.0.1:70000': 1 } }] }],
      [
        'a route without its upstream',
        { ...document, upstreams, routes: [{ id: 'x', uri: '/', upstream_id: 'lost' }] },
      ],
      ['an unknown key', { ...document, upstreams: [...upstreams.slice(1), { ...upstreams[0], wieght: 3 }] }],
      ['an id twice', { ...document, upstreams: [...upstreams, ...upstreams.slice(0, 1)] }],
    ];
    const [what, wrong] = this.pick(mistakes);
    return { kind: 'refused', what: `refused: ${what}`, document: wrong };
  }

  #order(): ChurnStep {
    const upstream = this.pick(this.upstreams);
    const [, ...others] = upstream.nodes;
    const action = this.pick(['drain', 'disable', 'enable', 'enable', 'weight'] as const);
    // The first node stays usable whatever happens to the others.
    const address = formatAddress(action === 'weight' || others.length === 0 ? upstream.nodes[0]! : this.pick(others));
    const order: ChurnOrder =
      others.length === 0 || action === 'weight'
        ? { upstream: upstream.id, node: address, action: 'weight', weight: this.pick([null, 1, 7]) }
        : { upstream: upstream.id, node: address, action, weight: null };
    const key = `${order.upstream}|${address}`;
    const known = this.orders.get(key) ?? { state: null, weight: null };
    if (order.action === 'weight') this.orders.set(key, { ...known, weight: order.weight });
    else this.orders.set(key, { ...known, state: order.action === 'enable' ? null : order.action });
    return { kind: 'order', what: `order: ${order.action} ${order.weight ?? ''} ${key}`, order };
  }

  #changeRoutes(): string {
    const kept = this.#options.routes.length;
    const added = this.#routes.filter(({ id }) => String(id).startsWith('extra-'));
    const kind = this.pick(['add', 'add', 'remove', 'shuffle', 'change'] as const);
    if (kind === 'shuffle') {
      this.#routes = this.#routes
        .map((route) => [this.below(1000), route] as const)
        .sort((a, b) => a[0] - b[0])
        .map(([, route]) => route);
      return 'routes in another order';
    }
    if (kind === 'add' && this.#routes.length < kept + 12) {
      this.#routes.push(this.#newRoute(`extra-${this.#made++}`));
      return `route added, now ${this.#routes.length}`;
    }
    if (added.length === 0) return 'nothing';
    const { id } = this.pick(added);
    if (kind === 'change') {
      this.#routes = this.#routes.map((route) => (route.id === id ? this.#newRoute(String(id)) : route));
      return `route ${id} changed`;
    }
    this.#routes = this.#routes.filter((route) => route.id !== id);
    return `route ${id} removed`;
  }

  #newRoute(id: string): RouteInput {
    return {
      id,
      uri: `/${id}/*`,
      host: `${id}.example`,
      upstream_id: this.pick(this.upstreams).id,
      priority: this.below(3),
      ...(this.below(2) ? { methods: ['GET'] } : {}),
      ...(this.below(2) ? { subset: { labels: { version: this.pick(['v1', 'v2', 'v3']) }, fallback: 'any' } } : {}),
      ...(this.below(2) ? { circuit_breaker: { min_requests: 1 + this.below(5) } } : {}),
    } as RouteInput;
  }
}

function inputOf({ id, nodes, settings, splitAt }: ChurnUpstream): UpstreamInput {
  if (splitAt === null) return { id, nodes, ...settings };
  const [first, second] = [nodes.slice(0, splitAt), nodes.slice(splitAt)];
  // The second source names the first node of the first one too, in other words: the first counts.
  const doubled = { ...nodes[0]!, weight: 1, metadata: { zone: 'z' } };
  return { id, sources: [{ nodes: first }, { nodes: [...second, doubled] }], ...settings } as UpstreamInput;
}
