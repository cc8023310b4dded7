import type { DnsSettings } from '../config/types.ts';
import { parseAddress } from '../core/address.ts';
import type { DnsOptions, HoldPolicy, LookupType } from '../discovery/dns-options.ts';

const SECOND = 1000;
const DNS_PORT = 53;

/** The settings of `discovery.dns` as the adapter takes them. */
export function dnsOptions(settings: DnsSettings): DnsOptions {
  const { servers, hold } = settings;
  return {
    servers: servers?.flatMap((server) => parseAddress(server, DNS_PORT) ?? []) ?? null,
    resolvConf: settings.resolv_conf ?? (servers ? null : '/etc/resolv.conf'),
    order: [...new Set(settings.order)].filter((type): type is LookupType => type !== 'last' && type !== 'CNAME'),
    minTtl: settings.min_ttl * SECOND,
    maxTtl: settings.max_ttl * SECOND,
    timeout: settings.timeout * SECOND,
    attempts: settings.attempts,
    hold: {
      nxdomain: policy(hold.nxdomain),
      empty: policy(hold.empty),
      servfail: policy(hold.servfail),
      timeout: policy(hold.timeout),
    },
  };
}

function policy(value: 'keep' | 'drop' | number): HoldPolicy {
  return typeof value === 'number' ? value * SECOND : value;
}
