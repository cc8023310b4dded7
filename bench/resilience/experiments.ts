import { loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Running, start, waitForPort } from '../lib/process.ts';
import { type Announce, type Fleet, NODE_PORTS } from './fleet.ts';
import type { Order } from './node.ts';
import { OpenLoop, type Sample } from './open-loop.ts';
import type { ExperimentName, Row } from './row.ts';

export const FAULTS = ['slow', 'failing', 'flapping'] as const;
const [SLOW = 0, FAILING = 0, FLAPPING = 0] = NODE_PORTS;

/** Which node has which fault. */
export const NODE_OF: Record<(typeof FAULTS)[number], string> = { slow: 'n1', failing: 'n2', flapping: 'n3' };

const ORDERS: ReadonlyMap<number, Partial<Order>> = new Map([
  [SLOW, { extraMs: 200 }],
  [FAILING, { fails: 0.3 }],
  [FLAPPING, { flapMs: 2000 }],
]);

const WARM_UP_MS = 3000;
const DOWN_MS = 500;
/** Between the return of one node and the end of the next. */
const BETWEEN_MS = 1000;

export interface Experiment {
  readonly name: ExperimentName;
  /** Begins with the load, on nodes that are well; resolves when its part is over. The load goes on until then. */
  disturb(fleet: Fleet, announce: Announce | null): Promise<void>;
}

/** One slow, one failing and one flapping node among ten, for as long as the load lasts. */
export const faults: Experiment = {
  name: 'faults',
  disturb: async (fleet) => fleet.order(ORDERS),
};

/** Every node is restarted, one after the other. */
export const restart: Experiment = {
  name: 'restart',
  disturb: async (fleet, announce) => {
    for (const port of NODE_PORTS) {
      await pause(BETWEEN_MS);
      await fleet.restart(port, DOWN_MS, announce);
    }
  },
};

export interface Run {
  readonly samples: readonly Sample[];
  /** Seconds from the first request to the end of the last answer. */
  readonly seconds: number;
  /** Of the machine, over a minute, when it began. */
  readonly loadAverage: number;
}

export interface Settings {
  readonly proxyCore: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/** One row through one experiment: a fresh proxy, warmed up on nodes that are well, then the load with the disturbance. */
export async function perform(experiment: Experiment, row: Row, fleet: Fleet, settings: Settings): Promise<Run> {
  const loadAverage = loadavg()[0] ?? 0;
  fleet.order(new Map());
  const proxy = start(settings.proxyCore, row.command);
  const load = new OpenLoop(row.port, settings.perSecond);
  try {
    await waitForPort(row.port, proxy.output);
    const announce = row.registryPort === null ? null : announceTo(row.registryPort);
    if (announce) for (const port of NODE_PORTS) await announce(port, true);
    await ready(row, proxy);
    await load.run(WARM_UP_MS);
    const began = performance.now();
    const disturbed = experiment.disturb(fleet, announce);
    const samples = await load.run(settings.seconds * 1000, disturbed);
    const seconds = (performance.now() - began) / 1000;
    return { samples, seconds, loadAverage };
  } finally {
    load.close();
    fleet.order(new Map());
    await proxy.stop();
  }
}

async function ready(row: Row, proxy: Running): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${row.port}/`).catch(() => null);
    await answer?.text().catch(() => '');
    if (answer?.status === 200) return;
    await pause(50);
  }
  throw new Error(`${row.name} does not come up: ${proxy.output()}`);
}

/** As a service registers with a Consul agent, and deregisters before it ends. */
function announceTo(registryPort: number): Announce {
  return async (port, comes) => {
    const path = comes ? 'register' : `deregister/node-${port}`;
    const answer = await fetch(`http://127.0.0.1:${registryPort}/v1/agent/service/${path}`, {
      method: 'PUT',
      body: comes ? JSON.stringify({ ID: `node-${port}`, Name: 'nodes', Address: '127.0.0.1', Port: port }) : null,
    });
    if (!answer.ok) throw new Error(`the registry answered ${answer.status}: ${await answer.text()}`);
  };
}
