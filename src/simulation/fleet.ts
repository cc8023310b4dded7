import type { Scenario, ScenarioEvent, ScenarioNode } from './scenario.ts';
import { type Behaviour, SimulatedNode } from './simulated-node.ts';

const PORT = 80;

interface Member {
  readonly node: SimulatedNode;
  readonly given: ScenarioNode;
  weight: number;
  present: boolean;
  /** Whether it was as it should be when last looked at. */
  wasWell: boolean;
  /** Since when it takes no connections; null while it does. Milliseconds. */
  deadSince: number | null;
}

/** A node became worse than it should be, or well again. */
export interface Transition {
  /** The node or group that the event named; `churn` for one that left by chance. */
  readonly cause: string;
  readonly node: string;
  /** Milliseconds. */
  readonly at: number;
  readonly isWell: boolean;
}

/** The backends of a scenario: which there are, which of them are registered now, and how they behave. */
export class Fleet {
  readonly transitions: Transition[] = [];
  readonly #members = new Map<string, Member>();
  readonly #names: readonly string[];

  constructor(scenario: Scenario, now: number) {
    for (const given of scenario.nodes) {
      for (const name of membersOf(given)) {
        const node = new SimulatedNode(name, behaviourOf(given));
        const wasWell = node.behaviour.fail === null;
        const deadSince = node.accepts ? null : now;
        this.#members.set(name, { node, given, weight: given.weight ?? 1, present: true, wasWell, deadSince });
      }
    }
    this.#names = [...this.#members.keys()];
  }

  get names(): readonly string[] {
    return this.#names;
  }

  node(name: string): SimulatedNode | undefined {
    return this.#members.get(name)?.node;
  }

  /** The entry of the scenario that the node is from. */
  givenOf(name: string): ScenarioNode {
    return this.#members.get(name)!.given;
  }

  weightOf(name: string): number {
    return this.#members.get(name)?.weight ?? 0;
  }

  isPresent(name: string): boolean {
    return this.#members.get(name)?.present ?? false;
  }

  /** Whether it answers everything that it is sent. */
  isWell(name: string): boolean {
    return this.node(name)?.behaviour.fail === null;
  }

  /** Milliseconds since when it takes no connections; null when it does. */
  deadSince(name: string): number | null {
    return this.#members.get(name)?.deadSince ?? null;
  }

  /** The registered nodes, as the configuration has them. */
  nodes() {
    return [...this.#members].flatMap(([host, { given, weight, present }]) => {
      const { priority = 0, metadata = {} } = given;
      return present ? [{ host, port: PORT, weight, priority, metadata }] : [];
    });
  }

  /** The nodes that an event is for. */
  targets({ node, count }: ScenarioEvent): readonly string[] {
    if (node === undefined) return [];
    const named = this.#names.filter((name) => name === node || this.#members.get(name)?.given.name === node);
    return named.slice(0, count);
  }

  /** Does to the nodes what the event says. */
  change(event: ScenarioEvent, now: number): void {
    for (const name of this.targets(event)) {
      const member = this.#members.get(name)!;
      const { latency, capacity, fail, weight, action } = event;
      const { behaviour } = member.node;
      if (latency) behaviour.latency = latencyOf(latency);
      if (capacity !== undefined) behaviour.capacity = capacity;
      if (fail !== undefined) behaviour.fail = failureOf(fail);
      if (weight !== undefined) member.weight = weight;
      if (action !== undefined) member.present = action === 'add';
      this.#look(name, member, event.node!, now);
    }
  }

  /** Registers a node, or takes it away, by chance. */
  churn(name: string, present: boolean, now: number): void {
    const member = this.#members.get(name)!;
    member.present = present;
    this.#look(name, member, 'churn', now);
  }

  #look(name: string, member: Member, cause: string, now: number): void {
    const { node, given, present } = member;
    if (node.accepts) member.deadSince = null;
    else member.deadSince ??= now;
    const should = behaviourOf(given);
    const { latency, capacity, fail } = node.behaviour;
    const isSlower = latency.median > should.latency.median || capacity < should.capacity;
    const isWell = present && fail === null && !isSlower;
    if (isWell === member.wasWell) return;
    member.wasWell = isWell;
    if (isWell) node.restart();
    this.transitions.push({ cause, node: name, at: now, isWell });
  }
}

/** The names of the nodes that an entry of `nodes` stands for. */
export function membersOf({ name, count }: ScenarioNode): readonly string[] {
  return count === undefined ? [name] : Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

function behaviourOf({ latency = { median: 10 }, capacity, fail, warm_up: warmUp }: ScenarioNode): Behaviour {
  return {
    latency: latencyOf(latency),
    capacity: capacity ?? Number.POSITIVE_INFINITY,
    fail: failureOf(fail ?? null),
    warmUp: warmUp ?? null,
  };
}

function latencyOf({ median, p99 }: NonNullable<ScenarioNode['latency']>) {
  return { median, p99: p99 ?? median };
}

function failureOf(fail: NonNullable<ScenarioEvent['fail']> | null) {
  return fail && { kind: fail.kind, ratio: fail.ratio ?? 1 };
}
