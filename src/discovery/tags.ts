import { claimKey, type DefaultRoute, type RouteClaim, type TagWarning } from './claims.ts';
import { FABIO_PREFIX, readFabioTag } from './fabio-tags.ts';
import { claimsOf, OptionCollector, optionOfMetadata } from './headgate-tags.ts';
import type { Node } from './types.ts';

/** What the tags and the metadata of one instance ask for. */
export interface TagReading {
  readonly claims: readonly RouteClaim[];
  /** Weight in place of the registry's; null when none is stated. */
  readonly weight: number | null;
  /** Fabio's `weight=`: the share of the traffic, 0 to 1, that the instance takes; null when none is stated. */
  readonly share: number | null;
  readonly warnings: readonly TagWarning[];
}

const OWN_PREFIX = 'headgate.';

/** Whether a service with these tags asks for routes at all, so that its instances must be looked at. */
export function hasRouteTags(tags: readonly string[]): boolean {
  return tags.some((tag) => {
    const text = tag.trim().toLowerCase();
    return text.startsWith(OWN_PREFIX) || text.startsWith(FABIO_PREFIX);
  });
}

/** Reads one instance's tags and metadata. Never throws: what cannot be used is left out and reported. */
export function readTags(service: string, node: Node, fallback: DefaultRoute | null): TagReading {
  const warnings: TagWarning[] = [];
  const claims: RouteClaim[] = [];
  const options = new OptionCollector();
  let share: number | null = null;
  let foreign = false;
  for (const raw of node.tags) {
    const tag = raw.trim();
    const warn = (message: string) => void warnings.push({ service, tag: raw, message });
    if (tag.toLowerCase().startsWith(OWN_PREFIX)) {
      options.add(tag.slice(OWN_PREFIX.length), warn);
    } else if (tag.toLowerCase().startsWith(FABIO_PREFIX)) {
      foreign = true;
      const found = readFabioTag(tag, warn);
      if (!found) continue;
      claims.push(found.claim);
      share = found.share ?? share;
    }
  }
  for (const [key, value] of Object.entries(node.metadata)) {
    const option = optionOfMetadata(key);
    if (option === null) continue;
    options.add(`${option}=${value}`, (message) => void warnings.push({ service, tag: `${key}=${value}`, message }));
  }
  const warn = (message: string) => void warnings.push({ service, tag: options.text, message });
  claims.push(...claimsOf(options, foreign ? null : fallback, warn));
  return { claims: withoutDuplicates(claims), weight: options.weight, share, warnings };
}

function withoutDuplicates(claims: readonly RouteClaim[]): RouteClaim[] {
  return [...new Map(claims.map((claim) => [claimKey(claim), claim])).values()];
}
