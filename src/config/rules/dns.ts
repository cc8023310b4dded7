import { isIP } from 'node:net';
import { parseAddress } from '../../core/address.ts';
import { quote } from '../problem.ts';
import type { RuleContext } from './context.ts';

/** DNS servers are addresses, since a name would have to be asked of them; and the bounds of the TTL fit each other. */
export function checkDns(context: RuleContext): void {
  const dns = context.setting('discovery')?.dns;
  if (!dns) return;
  const path = ['discovery', 'dns'];
  dns.servers?.forEach((server, index) => {
    const address = parseAddress(server, 53);
    if (address && isIP(address.host) !== 0 && address.port > 0) return;
    const hint = 'write "10.0.0.2", "10.0.0.2:8600" or "[2001:db8::2]:53"';
    context.error([...path, 'servers', index], `${quote(server)} is not an IP address with or without a port`, hint);
  });
  if (dns.order?.every((type) => type === 'last' || type === 'CNAME')) {
    context.error([...path, 'order'], 'names no type that leads to an address', 'add "SRV", "A" or "AAAA"');
  }
  const { min_ttl: least = 1, max_ttl: most = 60 } = dns;
  if (least > most) context.error([...path, 'min_ttl'], `is above max_ttl, which is ${most}`, 'lower it');
}
