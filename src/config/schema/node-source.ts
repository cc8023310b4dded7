import { Type } from 'typebox';
import { count, strict, text, texts, withDefault } from './field.ts';
import { nodesSchema } from './node.ts';

/** Where nodes come from: written out, or a service of a registry. */
export const nodeSourceFields = {
  nodes: Type.Optional(nodesSchema),
  service_name: Type.Optional(
    text('Name of the service in the registry that `discovery_type` names.', { maxLength: 256 }),
  ),
  discovery_type: Type.Optional(
    Type.Enum(['consul', 'consul_kv', 'dns', 'etcd', 'eureka', 'file', 'kubernetes', 'nacos'], {
      description: 'Registry that lists the nodes; its settings are under `discovery`.',
    }),
  ),
  discovery_args: withDefault(
    texts(
      'Filters of the registry: for Consul `tag`, `datacenter`, `health`, `near` with `nearest`, `node_meta`, `service_meta`, `filter`, `query`, `namespace` and `partition`; for Eureka `port` (`plain` or `secure`); for Kubernetes `address_type`; for Nacos `namespace_id`, `group_name` and `cluster`.',
    ),
    {},
  ),
};

const nodeSourceSchema = strict(
  {
    ...nodeSourceFields,
    priority: withDefault(
      count('Added to the priority of each node: −1 makes the source a fallback of those with 0.', -1000, 1000),
      0,
    ),
  },
  'One of several places that nodes come from: `nodes`, or `service_name` and `discovery_type`.',
);

export const nodeSourcesSchema = Type.Array(nodeSourceSchema, {
  minItems: 1,
  description:
    'Several places that nodes come from together, such as the old and the new registry of a migration. Of two nodes with the same address the one of the earlier source counts.',
});
