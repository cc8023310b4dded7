import { HeadgateError } from '../core/errors.ts';
import { type Ask, lookUp, type Nothing } from './dns-lookup.ts';
import type { DnsRecord, SrvRecord } from './dns-message.ts';
import { addressTypes, DEFAULT_PORT, type DnsService, type LookupType, lookupTypes } from './dns-options.ts';
import { type ResolvedSrv, srvNodes } from './dns-srv.ts';
import { candidateNames, type ResolverSettings } from './resolv-conf.ts';
import type { Node } from './types.ts';

/** `ttl` (seconds) is the least over all records that the nodes were made of. */
export interface Resolved {
  readonly kind: 'nodes';
  readonly nodes: readonly Node[];
  readonly ttl: number;
  /** Targets left out because no server could say where they are, for people. */
  readonly missing: readonly string[];
}

export type Resolution = Resolved | Nothing;

interface Addresses {
  readonly addresses: readonly string[];
  readonly ttl: number;
}

/** Addresses that mean "any" or "none" are not places that traffic can go. */
const NO_PLACE = new Set(['0.0.0.0', '::']);

/** Turns one service name into nodes, again and again; remembers where SRV targets were for when only they can't be asked. */
export class DnsResolver {
  readonly #service: DnsService;
  readonly #order: readonly LookupType[];
  #targets = new Map<string, Addresses>();

  constructor(service: DnsService, order: readonly LookupType[]) {
    this.#service = service;
    this.#order = order;
  }

  /** Tries each name that the service name may mean. Rejects as soon as one of them can't be looked up. */
  async resolve(settings: ResolverSettings, ask: Ask): Promise<Resolution> {
    const { name, absolute } = this.#service;
    let kind: Nothing['kind'] = 'nxdomain';
    let ttl = Number.POSITIVE_INFINITY;
    for (const candidate of candidateNames(name, absolute, settings)) {
      const resolution = await this.#resolveName(candidate, ask);
      if (resolution.kind === 'nodes') return resolution;
      if (resolution.kind === 'empty') kind = 'empty';
      ttl = Math.min(ttl, resolution.ttl);
    }
    return { kind, ttl };
  }

  async #resolveName(name: string, ask: Ask): Promise<Resolution> {
    let ttl = Number.POSITIVE_INFINITY;
    for (const type of lookupTypes(this.#service, this.#order)) {
      const found = await lookUp(name, type, ask);
      ttl = Math.min(ttl, found.ttl);
      if (found.kind === 'nxdomain') return { kind: 'nxdomain', ttl };
      if (found.kind !== 'found') continue;
      const resolved =
        type === 'SRV'
          ? await this.#srv(found.records as readonly SrvRecord[], found.additionals, found.ttl, ask)
          : addressNodes(addressesIn(found.records), this.#service.port ?? DEFAULT_PORT, found.ttl);
      if (resolved.nodes.length > 0) return resolved;
      ttl = Math.min(ttl, resolved.ttl);
    }
    return { kind: 'empty', ttl };
  }

  async #srv(
    records: readonly SrvRecord[],
    additionals: readonly DnsRecord[],
    recordTtl: number,
    ask: Ask,
  ): Promise<Resolved> {
    const failures: HeadgateError[] = [];
    const targets = [...new Set(records.map(({ target }) => target))].filter((target) => target !== '');
    const found = await Promise.all(targets.map((target) => this.#target(target, additionals, ask, failures)));
    const known = targets.flatMap((target, index) => {
      const addresses = found[index];
      return addresses ? [[target, addresses] as const] : [];
    });
    this.#targets = new Map(known);
    if (known.length === 0 && failures[0]) throw failures[0];
    const resolved: ResolvedSrv[] = records.map((record) => ({
      record,
      addresses: this.#targets.get(record.target)?.addresses ?? [],
    }));
    const ttl = known.reduce((least, [, each]) => Math.min(least, each.ttl), failures.length > 0 ? 0 : recordTtl);
    const missing = failures.map(({ message }) => message);
    return { kind: 'nodes', nodes: srvNodes(resolved, this.#service.port), ttl, missing };
  }

  /**
   * Where a target is. When that can't be asked now, where it was: one deaf zone must not take healthy nodes away. Null
   * when that is not known either.
   */
  async #target(
    target: string,
    additionals: readonly DnsRecord[],
    ask: Ask,
    failures: HeadgateError[],
  ): Promise<Addresses | null> {
    const [preferred] = addressTypes(this.#order);
    const named = additionals.filter((record) => record.name === target && record.type === preferred);
    if (named.length > 0) return { addresses: addressesIn(named), ttl: Math.min(...named.map(({ ttl }) => ttl)) };
    try {
      return await this.#lookUpTarget(target, ask);
    } catch (error) {
      const before = this.#targets.get(target) ?? null;
      if (!(error instanceof HeadgateError)) throw error;
      if (!before) failures.push(error);
      return before;
    }
  }

  async #lookUpTarget(target: string, ask: Ask): Promise<Addresses> {
    let ttl = Number.POSITIVE_INFINITY;
    for (const type of addressTypes(this.#order)) {
      const found = await lookUp(target, type, ask);
      ttl = Math.min(ttl, found.ttl);
      if (found.kind === 'found') return { addresses: addressesIn(found.records), ttl };
      if (found.kind === 'nxdomain') break;
    }
    return { addresses: [], ttl };
  }
}

function addressesIn(records: readonly DnsRecord[]): readonly string[] {
  const addresses = records.flatMap((record) => ('address' in record ? [record.address] : []));
  return [...new Set(addresses)].filter((address) => !NO_PLACE.has(address));
}

function addressNodes(addresses: readonly string[], port: number, ttl: number): Resolved {
  const nodes = addresses.map((host) => ({ host, port, weight: 1, priority: 0, metadata: {}, tags: [] }));
  return { kind: 'nodes', nodes, ttl, missing: [] };
}
