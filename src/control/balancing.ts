import { randomBytes } from 'node:crypto';
import type { BalancerPlan } from '../balancers/types.ts';
import type { InlineUpstream } from '../config/types.ts';
import type { PlannedHash, PlannedSticky } from '../upstream/plan.ts';

const SECOND = 1000;
const BOUND = 1.25;
/** Drawn once, so that a reload leaves bindings as they are. */
const ownSecret = randomBytes(24).toString('base64url');

export function planBalancer(upstream: InlineUpstream): BalancerPlan {
  const { type, bounded_load: bound, ewma_decay: decay } = upstream;
  const factor = bound === true ? BOUND : bound === false ? 0 : bound;
  return { type, decayMs: decay * SECOND, boundedLoad: factor };
}

export function planHash({ type, hash_on: on, key }: InlineUpstream): PlannedHash | null {
  return type === 'chash' ? { on, key: key ?? '' } : null;
}

export function planSticky({ sticky }: InlineUpstream): PlannedSticky | null {
  if (!sticky) return null;
  const { cookie, secret = ownSecret, ttl, path, same_site: sameSite, secure, http_only: httpOnly } = sticky;
  const attributes = [
    `Path=${path}`,
    ...(ttl === undefined ? [] : [`Max-Age=${Math.ceil(ttl)}`]),
    `SameSite=${sameSite.charAt(0).toUpperCase()}${sameSite.slice(1)}`,
    ...(secure ? ['Secure'] : []),
    ...(httpOnly ? ['HttpOnly'] : []),
  ];
  return { cookie, secret, attributes: attributes.join('; ') };
}
