import type { AdminViews } from '../../src/admin/views.ts';

/** Views of a gateway with nothing in it but what a test puts there. */
export function adminViews(parts: Partial<AdminViews> = {}): AdminViews {
  return {
    ready: () => ({ ready: true, reasons: [] }),
    upstreams: () => [],
    routes: () => [],
    discovery: () => ({ sources: [], watches: [] }),
    release: () => false,
    changes: () => [],
    nodesAt: () => null,
    orders: () => [],
    order: () => [],
    explain: () => Promise.resolve(null),
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: '' }),
    ...parts,
  };
}
