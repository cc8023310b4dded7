import { isHost, isPort } from '../core/address.ts';
import { isObject, type JsonObject } from '../core/json.ts';
import { answerError } from './json-body.ts';
import type { NacosService } from './nacos-options.ts';
import { priorityIn, weightIn } from './routing-facts.ts';
import type { Node } from './types.ts';

/** The nodes of one service, and the instances that can't be used, each with the reason. */
export interface NacosNodes {
  readonly nodes: readonly Node[];
  readonly unusable: readonly string[];
  /** So few instances are healthy that Nacos calls all of them healthy. */
  readonly protecting: boolean;
  /** Milliseconds that the server asks for between two questions; null when it does not say. */
  readonly cacheTime: number | null;
}

/** A node weighs no more than this; Nacos takes weights up to 10,000. */
const MAX_WEIGHT = 1_000_000;

/** What is inside the envelope `{code, message, data}` of the second and third API. Throws DISCOVERY_ANSWER. */
export function unwrap(body: unknown): unknown {
  if (!isObject(body) || !('code' in body)) throw answerError('answered without "code": is it a Nacos server?');
  if (body.code === 0) return body.data;
  const said = typeof body.message === 'string' ? `: ${body.message.slice(0, 200)}` : '';
  throw answerError(`answered with the error code ${JSON.stringify(body.code)?.slice(0, 20)}${said}`);
}

/**
 * Reads a list of instances: an object with `hosts`, or in the third API the bare list. Unhealthy and disabled instances,
 * and those of other clusters, are left out.
 *
 * Throws DISCOVERY_ANSWER when it does not have the shape of Nacos's, or when it has instances and none can be used.
 */
export function parseInstances(body: unknown, service: NacosService, weight: number): NacosNodes {
  const hosts = Array.isArray(body) ? body : isObject(body) ? body.hosts : undefined;
  if (!Array.isArray(hosts)) throw answerError('answered without a list of instances');
  const clusters = service.clusters === '' ? null : service.clusters.split(',').map((cluster) => cluster.trim());
  const nodes: Node[] = [];
  const unusable: string[] = [];
  for (const [position, host] of hosts.entries()) {
    if (!isObject(host)) {
      unusable.push(`instance ${position} is not an object`);
      continue;
    }
    if (host.healthy !== true || host.enabled === false) continue;
    if (clusters && !clusters.includes(String(host.clusterName))) continue;
    const node = nodeOf(host, weight);
    if (typeof node === 'string') unusable.push(`instance ${position} ${node}`);
    else nodes.push(node);
  }
  if (nodes.length === 0 && unusable.length > 0) {
    throw answerError(`answered with no instance that can be used: ${unusable[0]}`);
  }
  const about = isObject(body) ? body : {};
  const cacheTime = typeof about.cacheMillis === 'number' && about.cacheMillis > 0 ? about.cacheMillis : null;
  return { nodes, unusable, protecting: about.reachProtectionThreshold === true, cacheTime };
}

function nodeOf(instance: JsonObject, weight: number): Node | string {
  const { ip, port } = instance;
  if (typeof ip !== 'string' || !isHost(ip)) {
    return `has the address ${JSON.stringify(ip)?.slice(0, 60)}, which is not an IP address or a name`;
  }
  if (!isPort(port) || port === 0) return `has the port ${JSON.stringify(port)?.slice(0, 20)}, which is none`;
  const metadata = metadataOf(instance);
  const stated = instance.weight === 1 ? weightIn(metadata, 1) : instance.weight;
  return Object.freeze({
    host: ip,
    port,
    weight: scaled(stated, weight),
    priority: priorityIn(metadata),
    metadata: Object.freeze(metadata),
    tags: [],
  });
}

/** Whole numbers in the proportion that Nacos states; only an instance with the weight 0 gets none of the traffic. */
function scaled(stated: unknown, weight: number): number {
  if (typeof stated !== 'number' || !Number.isFinite(stated) || stated < 0) return weight;
  if (stated === 0 || weight === 0) return 0;
  return Math.min(MAX_WEIGHT, Math.max(1, Math.round(stated * weight)));
}

function metadataOf({ clusterName, metadata }: JsonObject): Record<string, string> {
  const read = new Map<string, string>();
  if (typeof clusterName === 'string') read.set('cluster', clusterName);
  for (const [key, value] of Object.entries(isObject(metadata) ? metadata : {})) {
    if (typeof value === 'string' && key !== '__proto__') read.set(key, value);
  }
  return Object.fromEntries(read);
}

/** Reads a page of service names: under `doms` in the first API, under `services` in the second. */
export function parseServiceNames(body: unknown): readonly string[] {
  const names = isObject(body) ? (body.doms ?? body.services) : undefined;
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw answerError('answered without a list of services');
  }
  return names;
}
