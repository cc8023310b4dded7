import type { NodeSourceView } from '../admin/views.ts';
import type { NodeSet, NodeSetState } from '../discovery/types.ts';
import { type NodeSource, queryOf } from './node-sources.ts';

/** From what needs no look to what is worst. */
const STATES: readonly NodeSetState[] = ['ok', 'held', 'stale', 'init', 'failed'];

/** What the sources of an upstream add up to. */
export interface SourcesSummary {
  readonly state: NodeSetState;
  readonly age_seconds: number | null;
  readonly reason: string | null;
  readonly cached: boolean;
}

/** One source as it is at a monotonic time; without a set it has not been asked yet. */
export function viewSource(source: NodeSource, set: NodeSet | undefined, now: number): NodeSourceView {
  const query = queryOf(source);
  if (!query) {
    const count = source.kind === 'static' ? source.nodes.length : 0;
    return { type: 'static', state: 'ok', age_seconds: 0, reason: null, cached: false, count };
  }
  const confirmedAt = set?.confirmedAt ?? null;
  return {
    type: query.source,
    service: query.service,
    args: query.args,
    state: set?.state ?? 'init',
    age_seconds: confirmedAt === null ? null : Math.round(now - confirmedAt) / 1000,
    reason: set?.reason ?? null,
    cached: set?.cached ?? false,
    count: source.kind === 'claimed' ? source.nodes.length : (set?.nodes.length ?? 0),
  };
}

/** State and reason of the source that is worst, and the age of what is oldest: null where something was never confirmed. */
export function summarise(sources: readonly NodeSourceView[]): SourcesSummary {
  const ranks = sources.map(({ state }) => STATES.indexOf(state));
  const worst = sources[ranks.indexOf(Math.max(...ranks))];
  const ages = sources.map((source) => source.age_seconds);
  return {
    state: worst?.state ?? 'ok',
    age_seconds: ages.includes(null) ? null : Math.max(0, ...ages.filter((age) => age !== null)),
    reason: worst?.reason ?? null,
    cached: sources.some((source) => source.cached),
  };
}
