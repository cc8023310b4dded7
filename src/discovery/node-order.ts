import { formatAddress } from '../core/address.ts';
import { sameData } from '../core/json.ts';
import type { CatalogEntry, Node } from './types.ts';

/** How members of a set are told apart and put in order. */
export interface MemberRules<T> {
  /** Singular, for messages. */
  readonly noun: string;
  key(member: T): string;
  compare(a: T, b: T): number;
  same(a: T, b: T): boolean;
}

/** "1 node", "2 nodes". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Nodes are told apart by host and port, and stand in that order whatever order the registry gives. */
export const nodeRules: MemberRules<Node> = {
  noun: 'node',
  key: formatAddress,
  compare: (a, b) => byText(a.host, b.host) || a.port - b.port,
  same: sameData,
};

export const catalogRules: MemberRules<CatalogEntry> = {
  noun: 'service',
  key: (entry) => entry.service,
  compare: (a, b) => byText(a.service, b.service),
  same: sameData,
};

/** In canonical order, each key once: the first of several wins. */
export function canonical<T>(members: readonly T[], rules: MemberRules<T>): readonly T[] {
  const byKey = new Map<string, T>();
  for (const member of members) {
    const key = rules.key(member);
    if (!byKey.has(key)) byKey.set(key, member);
  }
  return [...byKey.values()].sort(rules.compare);
}

/** Both sets together; where both have a member, the one of `newer`. */
export function union<T>(newer: readonly T[], older: readonly T[], rules: MemberRules<T>): readonly T[] {
  return canonical([...newer, ...older], rules);
}

/** Whether two canonical sets have the same content. */
export function sameMembers<T>(a: readonly T[], b: readonly T[], rules: MemberRules<T>): boolean {
  return a === b || (a.length === b.length && a.every((member, index) => rules.same(member, b[index]!)));
}

/** How many members came and went between two sets. */
export function countChanges<T>(
  before: readonly T[],
  after: readonly T[],
  rules: MemberRules<T>,
): { readonly added: number; readonly removed: number } {
  const old = new Set(before.map(rules.key));
  const kept = after.filter((member) => old.has(rules.key(member))).length;
  return { added: after.length - kept, removed: before.length - kept };
}
