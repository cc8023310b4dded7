import { sameData } from '../core/json.ts';
import type { CatalogEntry, Node } from './types.ts';

/** How members of a set are told apart and put in order: `compare` is 0 for two that are the same member. */
export interface MemberRules<T> {
  /** Singular, for messages. */
  readonly noun: string;
  /** Whether the others can do what a missing member did: one node of a service stands in for another, no service does. */
  readonly interchangeable: boolean;
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
  interchangeable: true,
  compare: (a, b) => byText(a.host, b.host) || a.port - b.port,
  same: sameData,
};

export const catalogRules: MemberRules<CatalogEntry> = {
  noun: 'service',
  interchangeable: false,
  compare: (a, b) => byText(a.service, b.service),
  same: sameData,
};

/** In canonical order, each member once: the first of several wins. */
export function canonical<T>(members: readonly T[], rules: MemberRules<T>): readonly T[] {
  const sorted = isCanonical(members, rules) ? members : members.toSorted(rules.compare);
  return sorted.filter((member, index) => index === 0 || rules.compare(sorted[index - 1]!, member) !== 0);
}

function isCanonical<T>(members: readonly T[], rules: MemberRules<T>): boolean {
  return members.every((member, index) => index === 0 || rules.compare(members[index - 1]!, member) < 0);
}

/**
 * A canonical set with what has not changed since an earlier one as the same objects, or the earlier one itself when nothing
 * has: whoever works on with a large set finds by comparing references what is new.
 */
export function adopted<T>(members: readonly T[], earlier: readonly T[], rules: MemberRules<T>): readonly T[] {
  let place = 0;
  let same = members.length === earlier.length;
  const result = members.map((member) => {
    while (place < earlier.length && rules.compare(earlier[place]!, member) < 0) place += 1;
    const known = earlier[place];
    if (known !== undefined && rules.same(known, member)) return known;
    same = false;
    return member;
  });
  return same ? earlier : result;
}

/** Both sets together; where both have a member, the one of `newer`. */
export function union<T>(newer: readonly T[], older: readonly T[], rules: MemberRules<T>): readonly T[] {
  return canonical([...newer, ...older], rules);
}

/** Whether two canonical sets have the same content. */
export function sameMembers<T>(a: readonly T[], b: readonly T[], rules: MemberRules<T>): boolean {
  return a === b || (a.length === b.length && a.every((member, index) => rules.same(member, b[index]!)));
}

/** Members of a canonical set that another one does not have. */
export function without<T>(members: readonly T[], others: readonly T[], rules: MemberRules<T>): readonly T[] {
  let place = 0;
  return members.filter((member) => {
    while (place < others.length && rules.compare(others[place]!, member) < 0) place += 1;
    return place === others.length || rules.compare(others[place]!, member) !== 0;
  });
}

/** How many members came and went between two canonical sets. */
export function countChanges<T>(
  before: readonly T[],
  after: readonly T[],
  rules: MemberRules<T>,
): { readonly added: number; readonly removed: number } {
  const added = without(after, before, rules).length;
  return { added, removed: before.length - (after.length - added) };
}
