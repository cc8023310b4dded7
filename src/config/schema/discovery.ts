import { Type } from 'typebox';
import { consulSchema } from './consul.ts';
import { dnsSchema } from './dns.ts';
import { eurekaSchema } from './eureka.ts';
import { count, secondsOrZero, strict, withDefault } from './field.ts';
import { kubernetesSchema } from './kubernetes.ts';
import { nacosSchema } from './nacos.ts';
import { consulKvSchema, etcdSchema, fileSchema } from './node-lists.ts';

export const guardSchema = strict(
  {
    min_nodes: withDefault(count('A set with fewer nodes than this may shrink at once.', 1, 1_000_000), 5),
    shrink_percent: withDefault(
      count('A change that takes away more than this share of a set is held. Percent.', 1, 100),
      50,
    ),
    shrink_hold: withDefault(secondsOrZero('How long such a change is held; 0 for not at all.'), 30),
    empty_hold: withDefault(secondsOrZero('How long a change to no nodes at all is held; 0 for not at all.'), 60),
  },
  'Holds back changes that look like a fault of the registry.',
);

/** One block per registry; another registry is another file and another line here. */
export const registrySchemas = {
  consul: Type.Optional(consulSchema),
  dns: Type.Optional(dnsSchema),
  eureka: Type.Optional(eurekaSchema),
  nacos: Type.Optional(nacosSchema),
  consul_kv: Type.Optional(consulKvSchema),
  etcd: Type.Optional(etcdSchema),
  file: Type.Optional(fileSchema),
  kubernetes: Type.Optional(kubernetesSchema),
};

export const discoverySchema = strict(
  {
    ready_timeout: withDefault(
      secondsOrZero('Longest wait for the first node sets before the readiness check passes all the same.'),
      10,
    ),
    guard: withDefault(guardSchema, {}),
    ...registrySchemas,
  },
  'Where nodes come from, and how far a registry is believed.',
);
