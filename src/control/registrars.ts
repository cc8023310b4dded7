import type { Document } from '../config/types.ts';
import { formatAddress } from '../core/address.ts';
import { ConsulRegistrar } from '../discovery/consul-registrar.ts';
import { EurekaRegistrar } from '../discovery/eureka-registrar.ts';
import type { Registrar } from '../discovery/registrar.ts';
import { secretOf } from './consul-settings.ts';
import type { Tools } from './discoveries.ts';

const SECOND = 1000;
const EUREKA_PREFIX = '/eureka/';

/** What registers this Headgate itself, as configured; where no server is named, at those that its services come from. */
export function createRegistrars(document: Document, registryUrl: string | null, { clock }: Tools): Registrar[] {
  const { register, discovery } = document;
  const registrars: Registrar[] = [];
  if (register?.consul) {
    const { servers, token, name, address, port, id, tags, meta, check } = register.consul;
    const own = { name, address, port, id: id ?? `${name}-${formatAddress({ host: address, port })}`, tags, meta };
    const embedded = registryUrl === null ? [] : [registryUrl];
    const agents = servers ?? discovery.consul?.servers ?? embedded;
    const times = { ttl: check.ttl * SECOND, deregisterAfter: check.deregister_after * SECOND };
    const allowed = { token: secretOf(token ?? discovery.consul?.token, discovery.consul?.token_file) };
    registrars.push(new ConsulRegistrar({ ...own, servers: agents, ...allowed, ...times }, clock));
  }
  if (register?.eureka) {
    const { host, prefix, name, address, port, id, metadata, lease } = register.eureka;
    const own = { name, address, port, id: id ?? `${formatAddress({ host: address, port })}:${name}`, metadata };
    const servers = host ?? discovery.eureka?.host ?? [];
    const path = prefix ?? discovery.eureka?.prefix ?? EUREKA_PREFIX;
    const times = { renewalInterval: lease.renewal_interval * SECOND, duration: lease.duration * SECOND };
    registrars.push(new EurekaRegistrar({ ...own, servers, prefix: path, ...times }, clock));
  }
  return registrars;
}
