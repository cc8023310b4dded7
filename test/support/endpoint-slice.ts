/** What a test wants to say of an endpoint. */
export interface EndpointFacts {
  readonly address: string;
  readonly ready?: boolean | null;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly zone?: string;
  readonly node?: string;
  readonly uid?: string;
  readonly hints?: readonly string[];
}

export interface SliceFacts {
  readonly name?: string;
  readonly namespace?: string;
  readonly service?: string;
  readonly addressType?: string;
  readonly ports?: readonly Record<string, unknown>[] | null;
  readonly version?: string | number;
}

/** An EndpointSlice in the words of the API. */
export function endpointSlice(endpoints: readonly EndpointFacts[], facts: SliceFacts = {}): Record<string, unknown> {
  const { name = 'web-abc', namespace = 'default', service = 'web', addressType = 'IPv4', version } = facts;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      namespace,
      labels: { 'kubernetes.io/service-name': service },
      ...(version !== undefined && { resourceVersion: String(version) }),
    },
    addressType,
    ports: facts.ports === undefined ? [{ name: 'http', port: 8080, protocol: 'TCP' }] : facts.ports,
    endpoints: endpoints.map(endpoint),
  };
}

function endpoint(facts: EndpointFacts): Record<string, unknown> {
  const { address, ready = true, serving, terminating, zone, node, uid, hints } = facts;
  return {
    addresses: [address],
    conditions: {
      ...(ready !== null && { ready }),
      ...(serving !== undefined && { serving }),
      ...(terminating !== undefined && { terminating }),
    },
    ...(zone !== undefined && { zone }),
    ...(node !== undefined && { nodeName: node }),
    ...(uid !== undefined && { targetRef: { kind: 'Pod', name: `pod-${uid}`, namespace: 'default', uid } }),
    ...(hints !== undefined && { hints: { forZones: hints.map((name) => ({ name })) } }),
  };
}
