import { isHost } from '../../core/address.ts';
import { type Path, quote } from '../problem.ts';
import type { RuleContext } from './context.ts';
import { checkUrl, EXAMPLES } from './discovery.ts';

/** Headgate registers itself at an address that can be one, in a registry that is named here or under `discovery`. */
export function checkRegister(context: RuleContext): void {
  const { consul, eureka } = context.setting('register') ?? {};
  if (consul) checkOne(context, 'consul', 'servers', consul.servers, consul.address);
  if (eureka) checkOne(context, 'eureka', 'host', eureka.host, eureka.address);
}

function checkOne(
  context: RuleContext,
  registry: 'consul' | 'eureka',
  key: string,
  servers: readonly string[] | undefined,
  address: string | undefined,
): void {
  const path: Path = ['register', registry];
  servers?.forEach((server, index) => {
    checkUrl(context, server, [...path, key, index], EXAMPLES[registry]);
  });
  const known = context.written('discovery', registry) || (registry === 'consul' && context.written('registry'));
  if (!context.written('register', registry, key) && !known) {
    context.error(path, 'names no server to register at', `add ${key}, or discovery.${registry}`);
  }
  if (address !== undefined && !isHost(address)) {
    const hint = 'IPv6 goes without brackets, and the port in port';
    context.error([...path, 'address'], `${quote(address)} is not a host name or an IP address`, hint);
  }
}
