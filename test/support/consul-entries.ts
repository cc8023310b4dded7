/** What a test wants to say of an instance in the answer of `/v1/health/service/:name`. */
export interface EntryFacts {
  readonly id?: string;
  readonly address?: unknown;
  readonly nodeAddress?: unknown;
  readonly port?: unknown;
  readonly tags?: unknown;
  readonly meta?: unknown;
  /** Metadata of the machine. */
  readonly nodeMeta?: unknown;
  readonly weights?: unknown;
  readonly checks?: unknown;
}

/** An instance in Consul's words. */
export function consulEntry(facts: EntryFacts = {}): Record<string, unknown> {
  return {
    Node: { Node: 'n1', Address: facts.nodeAddress ?? '10.0.0.9', Datacenter: 'dc1', Meta: facts.nodeMeta },
    Service: {
      ID: facts.id ?? 'web-1',
      Service: 'web',
      Address: 'address' in facts ? facts.address : '10.0.0.1',
      Port: 'port' in facts ? facts.port : 8080,
      Tags: 'tags' in facts ? facts.tags : [],
      Meta: 'meta' in facts ? facts.meta : {},
      Weights: 'weights' in facts ? facts.weights : { Passing: 1, Warning: 1 },
    },
    Checks: 'checks' in facts ? facts.checks : [{ CheckID: 'serfHealth', Status: 'passing' }],
  };
}
