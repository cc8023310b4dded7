import type { Probe } from '../health/types.ts';
import type { Scenario, ScenarioEvent, ScenarioNode } from './scenario.ts';
import { type Behaviour, SimulatedNode } from './simulated-node.ts';

const PORT = 80;

interface Member {
  readonly node: SimulatedNode;
  readonly given: ScenarioNode;
  present: boolean;
}

/** The backends of a scenario: which there are, which of them are registered now, and how they behave. */
export class Fleet {
  readonly #members = new Map<string, Member>();

  constructor(scenario: Scenario) {
    for (const given of scenario.nodes) {
      for (const name of namesOf(given)) {
        this.#members.set(name, { node: new SimulatedNode(name, behaviourOf(given)), given, present: true });
      }
    }
  }

  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  node(name: string): SimulatedNode | undefined {
    return this.#members.get(name)?.node;
  }

  weightOf(name: string): number {
    return this.#members.get(name)?.given.weight ?? 1;
  }

  isPresent(name: string): boolean {
    return this.#members.get(name)?.present ?? false;
  }

  setPresent(name: string, present: boolean): void {
    const member = this.#members.get(name);
    if (member) member.present = present;
  }

  /** The registered nodes, as the configuration has them. */
  nodes() {
    return [...this.#members].flatMap(([host, { given, present }]) => {
      const { weight = 1, priority = 0, metadata = {} } = given;
      return present ? [{ host, port: PORT, weight, priority, metadata }] : [];
    });
  }

  /** The nodes that an event is for. */
  targets({ node }: ScenarioEvent): readonly string[] {
    if (node === undefined) return [];
    return this.names.filter((name) => name === node || this.#members.get(name)?.given.name === node);
  }

  /** Changes how a node behaves. */
  change(name: string, { latency, capacity, fail }: ScenarioEvent): void {
    const behaviour = this.#members.get(name)?.node.behaviour;
    if (!behaviour) return;
    if (latency) behaviour.latency = { median: latency.median, p99: latency.p99 ?? latency.median };
    if (capacity !== undefined) behaviour.capacity = capacity;
    if (fail !== undefined) behaviour.fail = fail && { kind: fail.kind, ratio: fail.ratio ?? 1 };
  }

  /** A check that connects. */
  probe(): Probe {
    return {
      check: ({ host }) =>
        Promise.resolve(
          this.node(host)?.accepts
            ? { verdict: 'success', detail: 'connected' }
            : { verdict: 'tcp', detail: 'connection refused' },
        ),
    };
  }
}

function namesOf({ name, count }: ScenarioNode): string[] {
  return count === undefined ? [name] : Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

function behaviourOf({ latency = { median: 10 }, capacity, fail }: ScenarioNode): Behaviour {
  return {
    latency: { median: latency.median, p99: latency.p99 ?? latency.median },
    capacity: capacity ?? Number.POSITIVE_INFINITY,
    fail: fail ? { kind: fail.kind, ratio: fail.ratio ?? 1 } : null,
  };
}
