/**
 * A gateway on a real Consul with 1,000 services of 20 instances each: `npm test soak/consul-scale`.
 *
 * Prints what following them costs and how soon a change is in the traffic, with the default limit of watches (the other
 * services are polled) and with every service watched. What must hold is that every change arrives.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { DiscoveryView } from '../../src/admin/discovery-views.ts';
import { CONSUL_COMMAND, type ConsulServer, consulBinary, startConsul } from '../support/consul.ts';
import { reportTimes } from '../support/discovery-follower.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { serverSuite } from '../support/server-suite.ts';

const SERVICES = 1_000;
const INSTANCES = 20;
/** Of one transaction, at most 64 for Consul. */
const OPERATIONS = 60;
const IDLE_SECONDS = 60;
const ROUNDS = 20;
const POLLED_ROUNDS = 3;
/** Beside so many others in turn, an instance with this weight gets the next request or the one after. */
const HEAVY = 10_000;

/** Answers with its own port. */
class Backends {
  readonly #servers: Server[] = [];

  async add(): Promise<number> {
    const server = createServer((incoming, answer) => answer.end(String(incoming.socket.localPort)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}

/** CPU time of the main thread and of the whole process, in milliseconds. */
function cpuTimes(pid: number): { readonly main: number; readonly all: number } {
  const ticks = (path: string) => {
    const fields = readFileSync(path, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  return { main: ticks(`/proc/${pid}/task/${pid}/stat`), all: ticks(`/proc/${pid}/stat`) };
}

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

function sockets(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

serverSuite('a large Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const backends = new Backends();
  let consul: ConsulServer;
  let ports: number[];
  let fresh: number;

  /** An operation of a transaction: one instance on one machine. */
  const instance = (service: string, machine: number, port: number, weight: number) => ({
    Service: {
      Verb: 'set',
      Node: `machine-${machine}`,
      Service: {
        ...{ ID: `${service}-${machine}`, Service: service, Address: '127.0.0.1', Port: port },
        Weights: { Passing: weight, Warning: 1 },
      },
    },
  });
  const absence = (service: string, machine: number) => ({
    Service: { Verb: 'delete', Node: `machine-${machine}`, Service: { ID: `${service}-${machine}`, Service: service } },
  });

  before(async () => {
    consul = await startConsul(binary, { config: { limits: { http_max_conns_per_client: 2_000 } } });
    ports = await Promise.all(Array.from({ length: INSTANCES }, () => backends.add()));
    fresh = await backends.add();
    const machines = Array.from({ length: INSTANCES + 1 }, (_, machine) => ({
      Node: { Verb: 'set', Node: { Node: `machine-${machine}`, Address: `10.0.0.${machine + 1}` } },
    }));
    await consul.put('/v1/txn', machines);
    const services = Array.from({ length: SERVICES }, (_, service) =>
      ports.map((port, machine) => instance(`s${service}`, machine, port, 2)),
    ).flat();
    for (let at = 0; at < services.length; at += OPERATIONS) {
      await consul.put('/v1/txn', services.slice(at, at + OPERATIONS));
    }
  });
  after(async () => {
    agent.destroy();
    backends.close();
    await consul?.stop();
  });

  const configuration = (settings: Record<string, unknown>) => ({
    ...{ listen: ['127.0.0.1:0'], admin: { address: '127.0.0.1:0' }, workers: 1, shutdown: { delay: 0, drain: 1 } },
    discovery: { consul: { servers: [consul.address], ...settings } },
    routes: Array.from({ length: SERVICES }, (_, service) => ({
      id: `s${service}`,
      hosts: [`s${service}.test`],
      uri: '/*',
      upstream: { discovery_type: 'consul', service_name: `s${service}` },
    })),
  });

  const answer = (headgate: HeadgateProcess, service: string) =>
    new Promise<string>((resolve, reject) => {
      const options = { agent, port: headgate.httpPort, host: '127.0.0.1', headers: { host: `${service}.test` } };
      const outgoing = request(options, (incoming) => {
        let body = '';
        incoming.on('data', (chunk: Buffer) => (body += chunk));
        incoming.on('end', () => resolve(body));
      });
      outgoing.on('error', reject).end();
    });

  /** Milliseconds from the start of the write until the first answer by the new instance. */
  const changeToTraffic = async (headgate: HeadgateProcess, service: string) => {
    const start = performance.now();
    const written = consul.put('/v1/txn', [instance(service, INSTANCES, fresh, HEAVY)]);
    while ((await answer(headgate, service)) !== String(fresh)) await pause(1);
    const took = performance.now() - start;
    await written;
    await consul.put('/v1/txn', [absence(service, INSTANCES)]);
    return took;
  };

  const follow = async (test: TestContext, settings: Record<string, unknown>, watched: number) => {
    const start = performance.now();
    const headgate = await HeadgateProcess.start(configuration(settings));
    try {
      const view = () => headgate.admin<DiscoveryView>('/v1/discovery');
      const whole = async () => (await view()).watches.filter(({ count }) => count === INSTANCES).length === SERVICES;
      while (!(await whole())) await pause(100);
      test.diagnostic(`all sets after ${((performance.now() - start) / 1000).toFixed(1)} s, start included`);
      await pause(10_000);
      const open = sockets(headgate.pid);
      assert.ok(open < watched + 200, `${open} descriptors are open`);
      const before = cpuTimes(headgate.pid);
      await pause(IDLE_SECONDS * 1000);
      const { main, all } = cpuTimes(headgate.pid);
      const percent = (ms: number) => (ms / 10 / IDLE_SECONDS).toFixed(1);
      test.diagnostic(
        `idle: control thread ${percent(main - before.main)} % of a core, process ${percent(all - before.all)} %`,
      );
      const ages = (await view()).watches.map(({ age_seconds: age }) => age ?? 0);
      test.diagnostic(`oldest set ${Math.max(...ages).toFixed(0)} s, ${open} descriptors`);
      test.diagnostic(`resident memory ${residentMb(headgate.pid).toFixed(0)} MB`);
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        times.push(await changeToTraffic(headgate, `s${round}`));
        await pause(100);
      }
      reportTimes(test, 'change → traffic, watched service', times);
      if (watched >= SERVICES) return;
      const polled: number[] = [];
      for (let round = 0; round < POLLED_ROUNDS; round++) {
        polled.push(await changeToTraffic(headgate, `s${SERVICES - 1 - round}`));
      }
      reportTimes(test, 'change → traffic, polled service', polled);
    } finally {
      await headgate.stop();
    }
  };

  it(`with ${SERVICES} services, of which 170 are watched and the others polled`, { timeout: 600_000 }, (test) =>
    follow(test, {}, 170),
  );

  it(`with ${SERVICES} services, all watched`, { timeout: 600_000 }, (test) =>
    follow(test, { max_watches: SERVICES + 1 }, SERVICES + 1),
  );
});
