import { isIP } from 'node:net';
import { type Address, isHost, isPort } from '../core/address.ts';
import { anyArgument, QueryFault } from './query-fault.ts';
import type { ServiceQuery } from './types.ts';

export type AddressType = 'A' | 'AAAA';
export type LookupType = AddressType | 'SRV';

/**
 * The ways in which a question brings no nodes. `nxdomain`: the name does not exist. `empty`: it exists and has no such
 * records. `servfail`: servers answered that they can't say. `timeout`: no server answered.
 */
export const DNS_OUTCOMES = ['nxdomain', 'empty', 'servfail', 'timeout'] as const;
export type DnsOutcome = (typeof DNS_OUTCOMES)[number];

/** What becomes of the nodes then: they stay, go at once, or go after so many milliseconds of nothing else. */
export type HoldPolicy = 'keep' | 'drop' | number;

/** Durations in milliseconds. */
export interface DnsOptions {
  /** Asked in turn, the one that answered last first. Null for those that `resolvConf` names. */
  readonly servers: readonly Address[] | null;
  /** File that names servers and search domains, in the format of resolv.conf(5). Null: names are complete as they are. */
  readonly resolvConf: string | null;
  /** Types to ask for; the first that has records counts. */
  readonly order: readonly LookupType[];
  /** Bounds of the time between two questions, whatever TTL the records have. */
  readonly minTtl: number;
  readonly maxTtl: number;
  /** Longest wait for one server's answer. */
  readonly timeout: number;
  /** How often each server is asked before there is no answer. */
  readonly attempts: number;
  readonly hold: Readonly<Record<DnsOutcome, HoldPolicy>>;
}

/** What a service name says. */
export interface DnsService {
  /** Without the final dot. */
  readonly name: string;
  /** The name ended with a dot: search domains do not apply. */
  readonly absolute: boolean;
  /** Takes the place of the port of SRV records. Null when the name has none. */
  readonly port: number | null;
  /** Whether the name has the form of RFC 2782, `_service._proto.name`, and so can only mean SRV records. */
  readonly srvOnly: boolean;
}

/** Port of A and AAAA records of a name without one. */
export const DEFAULT_PORT = 80;

/** Reads `name`, `name:port` or `_service._proto.name`. */
export function dnsService(query: ServiceQuery): DnsService | QueryFault {
  const unknown = anyArgument(query);
  if (unknown) return unknown;
  const { service } = query;
  const match = /^([^:]+?)(\.?)(?::(\d{1,5}))?$/.exec(service);
  const name = match?.[1] ?? '';
  if (isIP(service) !== 0 || isIP(name) !== 0) {
    return new QueryFault(null, `"${service}" is an address`, 'write it under nodes');
  }
  if (!match || !isHost(name)) {
    return new QueryFault(null, `"${service}" is not a name`, 'write one such as "web.example.com:8080"');
  }
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port !== null && (!isPort(port) || port === 0)) {
    return new QueryFault(null, `"${service}" has a port that is none`, 'give one from 1 to 65535, or leave it out');
  }
  return { name, absolute: match[2] === '.', port, srvOnly: /^_[^.]+\._[^.]+\../.test(name) };
}

/** The types to ask for, in order. A name with a port has no need of SRV records. */
export function lookupTypes(service: DnsService, order: readonly LookupType[]): readonly LookupType[] {
  if (service.srvOnly) return ['SRV'];
  return service.port === null ? order : addressTypes(order);
}

/** The types of address that are wanted, the preferred one first; either will do when the order says nothing. */
export function addressTypes(order: readonly LookupType[]): readonly AddressType[] {
  const wanted = order.filter((type) => type !== 'SRV');
  return wanted.length > 0 ? wanted : ['A', 'AAAA'];
}
