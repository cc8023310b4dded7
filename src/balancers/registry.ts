import type { Random } from '../core/random.ts';
import { createLeastConn } from './least-conn.ts';
import { createRoundRobin } from './round-robin.ts';
import type { Balancer } from './types.ts';

/** Every balancer by the name that an upstream's `type` gives it. */
export function createBalancers(random: Random): ReadonlyMap<string, Balancer> {
  const all = [createRoundRobin(random), createLeastConn(random)];
  return new Map(all.map((balancer) => [balancer.type, balancer]));
}
