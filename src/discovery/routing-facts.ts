import type { Node } from './types.ts';

const MAX_WEIGHT = 1_000_000;
const MAX_PRIORITY = 1_000;

/**
 * The weight that the metadata of an instance ask for, under `weight`: a whole number up to a million, and `otherwise` when
 * there is none. A registry that has a weight of its own for each instance puts that first, unless it is the 1 that the
 * registry itself fills in.
 */
export function weightIn({ weight }: Node['metadata'], otherwise: number): number {
  return weight !== undefined && /^\d{1,7}$/.test(weight) ? Math.min(MAX_WEIGHT, Number(weight)) : otherwise;
}

/** The priority that the metadata of an instance ask for, under `priority`: a whole number from -1000 to 1000; else 0. */
export function priorityIn({ priority }: Node['metadata']): number {
  const number = priority !== undefined && /^-?\d{1,4}$/.test(priority) ? Number(priority) : 0;
  return Math.abs(number) <= MAX_PRIORITY ? number + 0 : 0;
}

/**
 * Tags such as `version=2` as metadata. Those that ask for routes are left out, and so is what has no value: `v2` names
 * nothing that it could be the value of.
 */
export function factsInTags(tags: readonly string[]): readonly [key: string, value: string][] {
  return tags.flatMap((tag): [string, string][] => {
    const [, key, value] = /^([A-Za-z][\w.-]*)=(.+)$/s.exec(tag) ?? [];
    return key === undefined || value === undefined || /^(?:headgate[._-]|urlprefix-)/i.test(key) ? [] : [[key, value]];
  });
}
