import { formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Node } from '../discovery/types.ts';
import type { NodeOverride } from '../upstream/plan.ts';

/** Which nodes a rule is for: all conditions hold. Null is no condition; one at least is there. */
export interface OverrideMatch {
  /** Id of the upstream. */
  readonly upstream: string | null;
  /** `host:port`. */
  readonly node: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
}

export type OverrideState = 'enable' | 'drain' | 'disable';

/** What an operator has decided. A null leaves that aspect to older rules. */
export interface OverrideRule {
  readonly match: OverrideMatch;
  readonly state: OverrideState | null;
  /** `source` gives back the weight of the source, against older rules. */
  readonly weight: number | 'source' | null;
  readonly reason: string | null;
  /** Wall-clock milliseconds. */
  readonly at: number;
}

/** An override of one node, and why. */
export interface NodeDecision extends NodeOverride {
  readonly reason: string | null;
  readonly at: number;
}

export interface OverrideChange {
  readonly match: OverrideMatch;
  readonly state?: OverrideState;
  readonly weight?: number | 'source';
  readonly reason?: string | null;
}

/**
 * Decisions of operators about nodes, the oldest first: for each aspect of a node the newest rule that matches counts. They
 * hold for nodes that come later too, and over reloads and restarts, until they are taken back.
 */
export class NodeOverrides {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #rules: readonly OverrideRule[] = [];

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get rules(): readonly OverrideRule[] {
    return this.#rules;
  }

  /** Replaces what is there, without telling anybody: what an earlier process left. */
  restore(rules: readonly OverrideRule[]): void {
    this.#rules = rules;
  }

  /** Adds to the rule for the same nodes, which becomes the newest. Rules without an effect go away. */
  apply({ match, state, weight, reason }: OverrideChange): void {
    const same = JSON.stringify(match);
    const known = this.#rules.find((rule) => JSON.stringify(rule.match) === same);
    const next: OverrideRule = {
      match,
      state: state ?? known?.state ?? null,
      weight: weight ?? known?.weight ?? null,
      reason: reason ?? null,
      at: this.#clock.wall(),
    };
    this.#rules = withoutIdle([...this.#rules.filter((rule) => rule !== known), next]);
    this.#onChange();
  }

  /** What is decided about a node; null when nothing is. */
  of(upstreamId: string, node: Node): NodeDecision | null {
    let state: OverrideRule | null = null;
    let weight: OverrideRule | null = null;
    for (const rule of this.#rules) {
      if (!matches(rule.match, upstreamId, node)) continue;
      if (rule.state !== null) state = rule;
      if (rule.weight !== null) weight = rule;
    }
    const isOut = state !== null && state.state !== 'enable';
    const isWeighted = weight !== null && weight.weight !== 'source';
    const newest = isOut ? state : isWeighted ? weight : null;
    if (!newest) return null;
    return {
      state: isOut ? (state!.state as 'drain' | 'disable') : null,
      weight: isWeighted ? (weight!.weight as number) : null,
      reason: newest.reason,
      at: newest.at,
    };
  }
}

export function matches({ upstream, node, metadata }: OverrideMatch, upstreamId: string, candidate: Node): boolean {
  if (upstream !== null && upstream !== upstreamId) return false;
  if (node !== null && node !== formatAddress(candidate)) return false;
  return metadata === null || Object.entries(metadata).every(([name, value]) => candidate.metadata[name] === value);
}

/** `enable` and `source` matter only against older rules that say something else. */
function withoutIdle(rules: readonly OverrideRule[]): readonly OverrideRule[] {
  const kept: OverrideRule[] = [];
  for (const rule of rules) {
    const state = rule.state === 'enable' && !kept.some((older) => older.state !== null) ? null : rule.state;
    const weight = rule.weight === 'source' && !kept.some((older) => older.weight !== null) ? null : rule.weight;
    if (state !== null || weight !== null) kept.push({ ...rule, state, weight });
  }
  return kept;
}
