import { isIP } from 'node:net';
import { formatDuration } from './durations.ts';
import type { Check, Instance, Service } from './model.ts';

/** The JSON shapes of Consul 1.19, field for field. */

/** The version of Consul whose shapes these are; clients read it to know what they may ask for. */
const API_VERSION = '1.19.2';

/** What the registry says of the machine it runs on. */
export interface NodeFacts {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly datacenter: string;
  /** `host:port` that answers for the leader. */
  readonly leader: string;
  readonly createIndex: number;
}

function taggedAddresses(service: Service): object | undefined {
  const own = Object.keys(service.taggedAddresses);
  if (service.address === '' && own.length === 0) return undefined;
  const family = isIP(service.address);
  if (family === 0) return own.length > 0 ? service.taggedAddresses : undefined;
  const address = { Address: service.address, Port: service.port };
  return { [`lan_ipv${family}`]: address, [`wan_ipv${family}`]: address, ...service.taggedAddresses };
}

function optional(key: string, value: object | undefined): object {
  return value === undefined ? {} : { [key]: value };
}

export function agentServiceView({ service }: Instance, node: NodeFacts): object {
  return {
    ID: service.id,
    Service: service.name,
    Tags: service.tags,
    Meta: service.meta,
    Port: service.port,
    Address: service.address,
    ...optional('TaggedAddresses', taggedAddresses(service)),
    Weights: { Passing: service.weights.passing, Warning: service.weights.warning },
    EnableTagOverride: service.enableTagOverride,
    Datacenter: node.datacenter,
  };
}

export function checkView(check: Check, owner: Service | null, node: NodeFacts): object {
  const { definition } = check;
  const { source } = definition;
  const probed = source.kind === 'http' || source.kind === 'tcp';
  return {
    Node: node.name,
    CheckID: definition.id,
    Name: definition.name,
    Status: check.status,
    Notes: definition.notes,
    Output: check.output,
    ServiceID: definition.serviceId,
    ServiceName: owner?.name ?? '',
    ServiceTags: owner?.tags ?? [],
    Type: source.kind,
    Interval: probed ? formatDuration(source.interval) : '',
    Timeout: probed && source.timeout > 0 ? formatDuration(source.timeout) : '',
    ExposedPort: 0,
    Definition: {},
    CreateIndex: check.createIndex,
    ModifyIndex: check.modifyIndex,
  };
}

/** The node's own check, which every instance has in Consul. Whoever answers is alive. */
export function nodeCheckView(node: NodeFacts): object {
  return {
    Node: node.name,
    CheckID: 'serfHealth',
    Name: 'Serf Health Status',
    Status: 'passing',
    Notes: '',
    Output: 'Agent alive and reachable',
    ServiceID: '',
    ServiceName: '',
    ServiceTags: [],
    Type: '',
    Interval: '',
    Timeout: '',
    ExposedPort: 0,
    Definition: {},
    CreateIndex: node.createIndex,
    ModifyIndex: node.createIndex,
  };
}

export function nodeView(node: NodeFacts): object {
  return {
    ID: node.id,
    Node: node.name,
    Address: node.address,
    Datacenter: node.datacenter,
    TaggedAddresses: nodeAddresses(node),
    Meta: nodeMeta(),
    CreateIndex: node.createIndex,
    ModifyIndex: node.createIndex,
  };
}

function nodeAddresses(node: NodeFacts): object {
  const family = node.address.includes(':') ? 'ipv6' : 'ipv4';
  const { address } = node;
  return { lan: address, [`lan_${family}`]: address, wan: address, [`wan_${family}`]: address };
}

function nodeMeta(): object {
  return { 'consul-network-segment': '', 'consul-version': API_VERSION };
}

/** An entry of `/v1/health/service/:name`. */
export function healthView(instance: Instance, checks: readonly Check[], node: NodeFacts): object {
  const { service } = instance;
  return {
    Node: nodeView(node),
    Service: {
      ID: service.id,
      Service: service.name,
      Tags: service.tags,
      Address: service.address,
      ...optional('TaggedAddresses', taggedAddresses(service)),
      Meta: service.meta,
      Port: service.port,
      Weights: { Passing: service.weights.passing, Warning: service.weights.warning },
      EnableTagOverride: service.enableTagOverride,
      Proxy: { Mode: '', MeshGateway: {}, Expose: {} },
      Connect: {},
      PeerName: '',
      CreateIndex: instance.createIndex,
      ModifyIndex: instance.modifyIndex,
    },
    Checks: [nodeCheckView(node), ...checks.map((check) => checkView(check, service, node))],
  };
}

/** An entry of `/v1/catalog/service/:name`. */
export function catalogView(instance: Instance, node: NodeFacts): object {
  const { service } = instance;
  return {
    ID: node.id,
    Node: node.name,
    Address: node.address,
    Datacenter: node.datacenter,
    TaggedAddresses: nodeAddresses(node),
    NodeMeta: nodeMeta(),
    ServiceKind: '',
    ServiceID: service.id,
    ServiceName: service.name,
    ServiceTags: service.tags,
    ServiceAddress: service.address,
    ...optional('ServiceTaggedAddresses', taggedAddresses(service)),
    ServiceWeights: { Passing: service.weights.passing, Warning: service.weights.warning },
    ServiceMeta: service.meta,
    ServicePort: service.port,
    ServiceSocketPath: '',
    ServiceEnableTagOverride: service.enableTagOverride,
    ServiceProxy: { Mode: '', MeshGateway: {}, Expose: {} },
    ServiceConnect: {},
    ServiceLocality: null,
    CreateIndex: instance.createIndex,
    ModifyIndex: instance.modifyIndex,
  };
}

export function selfView(node: NodeFacts): object {
  return {
    Config: {
      Datacenter: node.datacenter,
      PrimaryDatacenter: node.datacenter,
      NodeName: node.name,
      NodeID: node.id,
      Revision: '',
      Server: true,
      Version: API_VERSION,
    },
    Member: { Name: node.name, Addr: node.address, Port: 0, Tags: {}, Status: 1 },
    Meta: nodeMeta(),
  };
}
