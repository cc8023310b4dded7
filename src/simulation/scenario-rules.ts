import { documentFrom } from '../config/document.ts';
import { reasonOf } from '../core/errors.ts';
import { membersOf } from './fleet.ts';
import type { Scenario, ScenarioEvent } from './scenario.ts';
import { upstreamOf, variantsOf } from './variants.ts';

/** What the schema can't say; null when all is well, else the place and what is wrong there. */
export function checkScenario(scenario: Scenario): string | null {
  return checkNodes(scenario) ?? checkEvents(scenario) ?? checkVariants(scenario);
}

function checkNodes({ nodes }: Scenario): string | null {
  const known = new Set<string>();
  for (const [index, node] of nodes.entries()) {
    for (const name of membersOf(node)) {
      if (known.has(name)) return `nodes.${index}.name: there is another node "${name}"`;
      known.add(name);
    }
    const latency = checkLatency(node);
    if (latency !== null) return `nodes.${index}.${latency}`;
  }
  return null;
}

function checkEvents({ nodes, events = [] }: Scenario): string | null {
  const names = new Set(nodes.flatMap((node) => [node.name, ...membersOf(node)]));
  for (const [index, event] of events.entries()) {
    const problem = checkEvent(event, names);
    if (problem !== null) return `events.${index}${problem}`;
  }
  return null;
}

function checkEvent(event: ScenarioEvent, names: ReadonlySet<string>): string | null {
  const { node, rate, action, weight, latency, capacity, fail } = event;
  const forNode = [action, weight, latency, capacity, fail].some((field) => field !== undefined);
  if (node === undefined && forNode) return ': names no node; add node';
  if (node !== undefined && !forNode)
    return ': nothing happens to the node; add fail, latency, capacity, weight or action';
  if (node === undefined && rate === undefined) return ': nothing happens; add node or rate';
  if (node !== undefined && !names.has(node)) return `.node: there is no node "${node}"`;
  const wrong = checkLatency(event);
  return wrong === null ? null : `.${wrong}`;
}

function checkLatency({ latency }: Pick<ScenarioEvent, 'latency'>): string | null {
  if (latency?.p99 === undefined || latency.p99 >= latency.median) return null;
  return 'latency.p99: is below the median';
}

/** Each variant must be an upstream that the configuration takes. */
function checkVariants(scenario: Scenario): string | null {
  for (const variant of variantsOf(scenario)) {
    try {
      documentFrom(upstreamOf(scenario, variant, [{ host: 'node', port: 80, weight: 1 }]));
    } catch (error) {
      return `upstream of ${variant.label}: ${reasonOf(error)}`;
    }
  }
  return null;
}
