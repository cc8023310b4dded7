import type { ChangeView, DiscoveryView, SourceView, WatchView } from '../admin/discovery-views.ts';
import type { SourceCounters } from '../discovery/source-reports.ts';
import type { NodeSetState } from '../discovery/types.ts';
import type { NodeHistory } from './node-history.ts';
import type { StateOfGateway } from './state-of-gateway.ts';

interface Watched {
  readonly state: NodeSetState;
  readonly cached: boolean;
  readonly confirmedAt: number | null;
  readonly reason: string | null;
}

/** Every watched catalogue and service, and what became of the answers of each source. */
export function viewDiscovery({ nodeSets, catalogs, clock }: StateOfGateway): DiscoveryView {
  const now = clock.now();
  const common = ({ state, cached, confirmedAt, reason }: Watched) => ({
    state,
    age_seconds: confirmedAt === null ? null : Math.round(now - confirmedAt) / 1000,
    cached,
    reason,
  });
  const catalogueViews = catalogs.all().map((catalog): WatchView => {
    return { source: catalog.source, service: null, args: {}, count: catalog.entries.length, ...common(catalog) };
  });
  const serviceViews = nodeSets.all().map((set): WatchView => {
    return { ...set.query, count: set.nodes.length, ...common(set) };
  });
  return {
    sources: sumBySource([nodeSets.counters(), catalogs.counters()]),
    watches: [...catalogueViews, ...serviceViews],
  };
}

/** Services and catalogues of a source are counted apart and shown together. */
export function sumBySource(counters: readonly ReadonlyMap<string, SourceCounters>[]): readonly SourceView[] {
  const totals = new Map<string, { updates: Record<string, number>; errors: number }>();
  for (const [source, { verdicts, errors }] of counters.flatMap((map) => [...map])) {
    const total = totals.get(source) ?? { updates: {}, errors: 0 };
    for (const [verdict, count] of Object.entries(verdicts)) {
      total.updates[verdict] = (total.updates[verdict] ?? 0) + count;
    }
    total.errors += errors;
    totals.set(source, total);
  }
  return [...totals].map(([source, total]) => ({ source, ...total }));
}

/** Changes between two wall-clock times, the newest first. */
export function viewChanges(
  history: NodeHistory,
  upstream: string | null,
  from: number,
  to: number,
): readonly ChangeView[] {
  const changes: { at: number; view: ChangeView }[] = [];
  for (const [id, { entries }] of history.entries()) {
    if (upstream !== null && id !== upstream) continue;
    for (const entry of entries) {
      if (entry.at < from || entry.at > to) continue;
      changes.push({ at: entry.at, view: { upstream: id, ...entry, at: new Date(entry.at).toISOString() } });
    }
  }
  return changes.sort((a, b) => b.at - a.at).map(({ view }) => view);
}
