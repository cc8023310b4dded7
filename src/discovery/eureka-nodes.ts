import { isHost, isPort } from '../core/address.ts';
import type { EurekaInstance } from './eureka-answer.ts';
import type { PortChoice } from './eureka-options.ts';
import { priorityIn, weightIn } from './routing-facts.ts';
import { routingTags } from './routing-tags.ts';
import type { CatalogEntry, Node } from './types.ts';

/** Shows at the node that its instance does not renew its lease and is kept by the server all the same. */
const LEASE_KEY = 'eureka.lease';

/** The nodes of one application, and the instances that can't be used, each with the reason. */
export interface EurekaNodes {
  readonly nodes: readonly Node[];
  readonly unusable: readonly string[];
}

/**
 * The instances that are UP; STARTING, DOWN, OUT_OF_SERVICE and UNKNOWN ones take no traffic.
 *
 * Of two instances with one address the one that changed last counts: an instance that was restarted under another id has
 * left its old registration behind.
 */
export function nodesOf(
  instances: readonly EurekaInstance[],
  overdue: ReadonlySet<EurekaInstance>,
  choice: PortChoice,
  defaultWeight: number,
): EurekaNodes {
  const unusable: string[] = [];
  const nodes: Node[] = [];
  for (const instance of [...instances].sort(latestFirst)) {
    if (instance.status !== 'UP' && instance.fault === null) continue;
    const node = nodeOf(instance, overdue.has(instance), choice, defaultWeight);
    if (typeof node === 'string') unusable.push(`instance "${instance.id}" ${node}`);
    else nodes.push(node);
  }
  return { nodes, unusable };
}

function latestFirst(a: EurekaInstance, b: EurekaInstance): number {
  return b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1);
}

function nodeOf(instance: EurekaInstance, overdue: boolean, choice: PortChoice, defaultWeight: number): Node | string {
  const { hosts, metadata, fault } = instance;
  if (fault !== null) return fault;
  const host = hosts.find((each): each is string => typeof each === 'string' && isHost(each));
  if (host === undefined) return `has no address: ipAddr and hostName are ${JSON.stringify(hosts).slice(0, 80)}`;
  const port = portOf(instance, choice);
  if (!isPort(port) || port === 0) return `has no ${choice ?? 'usable'} port`;
  return Object.freeze({
    host,
    port,
    weight: weightIn(metadata, defaultWeight),
    priority: priorityIn(metadata),
    metadata: Object.freeze(overdue ? { ...metadata, [LEASE_KEY]: 'overdue' } : metadata),
    tags: [],
  });
}

function portOf({ port, securePort }: EurekaInstance, choice: PortChoice): unknown {
  if (choice === 'secure') return securePort;
  return choice === 'plain' ? port : (port ?? securePort);
}

/** The applications with an instance, each with the routing options in its instances' metadata as tags. */
export function catalogOf(applications: ReadonlyMap<string, readonly EurekaInstance[]>): readonly CatalogEntry[] {
  return [...applications].map(([service, instances]) => ({ service, tags: routingTags(instances) }));
}
