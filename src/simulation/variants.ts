import type { DocumentInput } from '../config/types.ts';
import type { Scenario } from './scenario.ts';

/** What is compared: settings of the upstream, under a name. */
export interface Variant {
  readonly label: string;
  readonly upstream: Readonly<Record<string, unknown>>;
}

type UpstreamInput = NonNullable<DocumentInput['upstreams']>[number];

export const UPSTREAM_ID = 'simulated';

/** The variants of a scenario: one for each entry of `compare`, else the upstream as it is. */
export function variantsOf({ compare, upstream = {} }: Scenario): readonly Variant[] {
  if (compare === undefined) return [variantOf({}, upstream)];
  return compare.map((entry) => variantOf(typeof entry === 'string' ? { type: entry } : entry, upstream));
}

function variantOf(own: Readonly<Record<string, unknown>>, common: Readonly<Record<string, unknown>>): Variant {
  const { label, ...settings } = own;
  const { type = 'roundrobin', ...upstream } = { ...common, ...settings };
  // What a key is in a request is not simulated; the setting must be there all the same.
  const key = type === 'chash' ? { key: 'remote_addr' } : {};
  return { label: String(label ?? type), upstream: { ...key, ...upstream, type } };
}

/** The configuration with the upstream of a variant and these nodes. */
export function upstreamOf(
  { zone }: Scenario,
  { upstream }: Variant,
  nodes: NonNullable<UpstreamInput['nodes']>,
): DocumentInput {
  const whole = { ...upstream, id: UPSTREAM_ID, nodes } as UpstreamInput;
  return { ...(zone === undefined ? {} : { zone }), upstreams: [whole] };
}
