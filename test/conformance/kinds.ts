import { ConsulKvModel, ConsulModel } from './consul-model.ts';
import { DnsRegistry } from './dns-registry.ts';
import { EtcdModel } from './etcd-model.ts';
import { EurekaModel } from './eureka-model.ts';
import { FileRegistry } from './file-registry.ts';
import { HttpRegistry } from './http-registry.ts';
import { KubernetesModel } from './kubernetes-model.ts';
import { NacosModel } from './nacos-model.ts';
import { FAULTS, FLAWS, type RegistryKind } from './registry.ts';

/** A registry that speaks HTTP, can fail in every way, and has a history. */
const HTTP = { faults: FAULTS, flaws: FLAWS, rewinds: true, lists: true };

/** Every registry that there is an adapter for. */
export const KINDS: readonly RegistryKind[] = [
  { ...HTTP, type: 'consul', start: () => HttpRegistry.start(new ConsulModel()) },
  { ...HTTP, type: 'eureka', start: () => HttpRegistry.start(new EurekaModel()) },
  // Its answers carry no count of changes; its services are listed only where that is asked for.
  { ...HTTP, type: 'nacos', rewinds: false, lists: false, start: () => HttpRegistry.start(new NacosModel()) },
  {
    ...HTTP,
    type: 'kubernetes',
    // Endpoints have no weight, and a port without a number stands for all of them.
    flaws: ['host', 'port', 'entry'],
    lists: false,
    start: () => HttpRegistry.start(new KubernetesModel()),
  },
  // Numbers are numbers on this wire; a name can be without an address.
  { type: 'dns', faults: FAULTS, flaws: ['host'], rewinds: false, lists: false, start: () => DnsRegistry.start() },
  {
    type: 'file',
    // There is no line to a file that could be cut or fall silent.
    faults: ['refused', 'error', 'garbage', 'truncated', 'blank'],
    flaws: FLAWS,
    rewinds: false,
    lists: true,
    start: async () => new FileRegistry(),
  },
  { ...HTTP, type: 'consul_kv', start: () => HttpRegistry.start(new ConsulKvModel()) },
  { ...HTTP, type: 'etcd', start: () => HttpRegistry.start(new EtcdModel()) },
];
