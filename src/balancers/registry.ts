import type { Random } from '../core/random.ts';
import { createConsistentHash } from './chash.ts';
import { createEwma } from './ewma.ts';
import { createLeastConn } from './least-conn.ts';
import { createRandom } from './random.ts';
import { createRoundRobin } from './round-robin.ts';
import type { Balancer, BalancerPlan } from './types.ts';

/** The balancer that an upstream asks for. Throws an Error for a type that there is not; validation has made sure of it. */
export function createBalancer(plan: BalancerPlan, random: Random): Balancer {
  switch (plan.type) {
    case 'roundrobin':
      return createRoundRobin(random);
    case 'least_conn':
      return createLeastConn(random);
    case 'ewma':
      return createEwma(random, plan.decayMs);
    case 'chash':
      return createConsistentHash(plan.boundedLoad);
    case 'random':
      return createRandom(random);
    default:
      throw new Error(`there is no balancer of type "${plan.type}"`);
  }
}
