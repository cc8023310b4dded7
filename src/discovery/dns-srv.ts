import type { SrvRecord } from './dns-message.ts';
import type { Node } from './types.ts';

/** An SRV record with the addresses of its target, each once. */
export interface ResolvedSrv {
  readonly record: SrvRecord;
  readonly addresses: readonly string[];
}

/** Largest weight of a node. */
const MAX_WEIGHT = 1_000_000;
/** How many times less than the others a record of weight 0 gets, and how finely a weight is divided among addresses. */
const FINENESS = 100;

/**
 * Nodes of SRV records (RFC 2782). A lower priority there is preferred, and is a higher one here: SRV 10 becomes -10.
 *
 * Weights count within a priority. Where every one is an ordinary whole share they stay as they are. Where a target has
 * several addresses its weight is divided among them, and a weight of 0 among others becomes a hundredth of the least
 * one: "a very small chance", which is not none. Where all are 0 they are equal.
 */
export function srvNodes(records: readonly ResolvedSrv[], port: number | null): readonly Node[] {
  const tiers = Map.groupBy(
    records.filter(({ addresses }) => addresses.length > 0),
    ({ record }) => record.priority,
  );
  return [...tiers.values()].flatMap((tier) => tierNodes(tier, port));
}

function tierNodes(tier: readonly ResolvedSrv[], port: number | null): readonly Node[] {
  const positive = tier.map(({ record }) => record.weight).filter((weight) => weight > 0);
  const least = positive.length > 0 ? Math.min(...positive) : 1;
  const small = positive.length > 0 ? least / FINENESS : 1;
  const share = ({ record, addresses }: ResolvedSrv) => (record.weight || small) / addresses.length;
  const shares = tier.map(share);
  const whole = shares.every(Number.isInteger);
  const scale = whole ? 1 : Math.min(FINENESS, Math.floor(MAX_WEIGHT / Math.max(...shares)));
  return tier.flatMap(({ record, addresses }, index) => {
    const weight = Math.max(1, Math.round(shares[index]! * scale));
    return addresses.map((host) => ({
      host,
      port: port ?? record.port,
      weight,
      priority: 0 - record.priority,
      metadata: { target: record.target },
      tags: [],
    }));
  });
}
