import { formatAddress } from '../../src/core/address.ts';
import type { Flaw, Place } from './registry.ts';

const FLAWED: Readonly<Record<Flaw, unknown>> = {
  host: { host: 'no host', port: 1 },
  port: '10.9.9.9:70000',
  shape: { host: '10.9.9.9', port: 'http' },
  entry: 5,
  weight: { host: '10.9.9.9', port: 1, weight: 'much' },
};

/** A node list as somebody writes it down, in JSON. */
export function writtenList(places: readonly Place[], flaw: Flaw | null): string {
  const items: unknown[] = places.map(formatAddress);
  return JSON.stringify(flaw === null ? items : [...items, FLAWED[flaw]]);
}
