import { applyEdits, editsBetween } from '../core/list-edits.ts';
import type { HealthTarget } from '../health/types.ts';
import type { PlannedNode, PlannedUpstream } from '../upstream/plan.ts';
import type { UpstreamDefinition } from './definitions.ts';
import { nodeKey } from './node-slots.ts';

/** The targets of one upstream, and what they were made of. */
interface Made {
  readonly nodes: readonly PlannedNode[];
  readonly definition: UpstreamDefinition;
  readonly targets: readonly HealthTarget[];
}

/** What is to be probed: the nodes of the plan whose upstreams want active checks. */
export class HealthTargets {
  #made: ReadonlyMap<string, Made> = new Map();
  /** Nodes of upstreams that want no checks: they take traffic, and go on with it when their upstream wants some. */
  #unchecked: ReadonlyMap<string, readonly PlannedNode[]> = new Map();

  /** All targets, those that stay as they were as the same objects; null when all of them do. */
  of(
    plan: ReadonlyMap<string, PlannedUpstream>,
    definitions: ReadonlyMap<string, UpstreamDefinition>,
  ): readonly HealthTarget[] | null {
    const before = this.#made;
    const after = new Map<string, Made>();
    const unchecked = new Map<string, readonly PlannedNode[]>();
    for (const { id, nodes } of plan.values()) {
      const definition = definitions.get(id);
      if (!definition?.checks) unchecked.set(id, nodes);
      else after.set(id, make(id, nodes, definition, before.get(id), this.#unchecked.get(id) ?? []));
    }
    this.#made = after;
    this.#unchecked = unchecked;
    const isSame = after.size === before.size && [...after].every(([id, made]) => before.get(id) === made);
    return isSame ? null : [...after.values()].flatMap(({ targets }) => targets);
  }
}

function make(
  id: string,
  nodes: readonly PlannedNode[],
  definition: UpstreamDefinition,
  before: Made | undefined,
  unchecked: readonly PlannedNode[],
): Made {
  const { checks, checkPort } = definition;
  if (!checks) return { nodes, definition, targets: [] };
  const serving = new Set(unchecked.map(({ slot }) => slot));
  const targetOf = ({ slot, node }: PlannedNode): HealthTarget => ({
    key: nodeKey(id, node),
    address: { host: node.host, port: checkPort ?? node.port },
    checks,
    serves: serving.has(slot),
  });
  if (before?.definition !== definition) return { nodes, definition, targets: nodes.map(targetOf) };
  if (before.nodes === nodes) return before;
  const edits = editsBetween(before.nodes, nodes, Object.is);
  const targetEdits = edits.map(({ at, remove, insert }) => ({ at, remove, insert: insert.map(targetOf) }));
  return { nodes, definition, targets: applyEdits(before.targets, targetEdits) };
}
