import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { DnsDiscovery } from '../../src/discovery/dns.ts';
import type { DnsOptions } from '../../src/discovery/dns-options.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import type { Node, NodeSet, ServiceQuery } from '../../src/discovery/types.ts';
import { DEFAULT_DNS, DEFAULT_GUARD } from '../support/discovery-defaults.ts';
import { BIND_COMMAND, bindBinary, COREDNS_COMMAND, coreDnsBinary, DnsServer, ZONE } from '../support/dns-servers.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

const ROUNDS = 5;

function query(service: string): ServiceQuery {
  return { source: 'dns', service, args: {} };
}

/** Everything between a DNS server and the node sets, as the control thread puts it together. */
class Follower {
  readonly sets: NodeSets;
  readonly #dns: DnsDiscovery;

  constructor(server: DnsServer, options: Partial<DnsOptions> = {}) {
    const clock = systemClock;
    const log = new RecordingLog();
    const tools = { clock, random: systemRandom };
    const all = { ...DEFAULT_DNS, servers: [server.address], timeout: 500, ...options };
    this.#dns = new DnsDiscovery(all, tools, log, () => ({ close: () => Promise.resolve() }));
    const discoveries = new Map([['dns', this.#dns]]);
    this.sets = new NodeSets({
      discoveries,
      guard: DEFAULT_GUARD,
      cache: new LastGoodCache(null, clock, log),
      clock,
      log,
    });
  }

  /** Resolves as soon as what is known of the service is as wanted. */
  until(wanted: ServiceQuery, good: (set: NodeSet) => boolean): Promise<NodeSet> {
    const now = this.sets.get(wanted);
    if (now && good(now)) return Promise.resolve(now);
    return new Promise((resolve) => {
      const stop = this.sets.onChange((set) => {
        if (set.query.service !== wanted.service || !good(set)) return;
        stop();
        resolve(set);
      });
    });
  }

  count(wanted: ServiceQuery, nodes: number): Promise<NodeSet> {
    return this.until(wanted, (set) => set.state === 'ok' && set.nodes.length === nodes);
  }

  async close(): Promise<void> {
    const deadline = systemClock.now() + 5_000;
    await this.sets.close(deadline);
    await this.#dns.close(deadline);
  }
}

function shown({ host, port, weight, priority }: Node): string {
  return `${host}:${port} ${weight} ${priority}`;
}

function report(test: TestContext, what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  test.diagnostic(`${what}: median ${median.toFixed(0)} ms, slowest ${times.at(-1)?.toFixed(0)} ms (TTL 1 s)`);
}

const SERVERS = [
  { name: 'CoreDNS', binary: coreDnsBinary(), command: COREDNS_COMMAND, start: DnsServer.coreDns },
  { name: 'BIND', binary: bindBinary(), command: BIND_COMMAND, start: DnsServer.bind },
];

for (const { name, binary, command, start } of SERVERS) {
  serverSuite(`discovery by a real ${name}`, binary, command, (path) => {
    let server: DnsServer;
    let follower: Follower;

    before(async () => {
      server = await start(path);
    });
    after(() => server?.stop());
    beforeEach(() => {
      follower = new Follower(server);
    });
    afterEach(() => follower.close());

    it('shows what comes and goes, within the TTL', async (test) => {
      const web = query(`web.${ZONE}:80`);
      await server.serve(['web IN A 127.0.0.1']);
      follower.sets.want([web]);
      await follower.count(web, 1);
      const inn: number[] = [];
      const out: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        for (const [times, records] of [
          [inn, ['web IN A 127.0.0.1', 'web IN A 127.0.0.2']],
          [out, ['web IN A 127.0.0.1']],
        ] as const) {
          // Not in step with the questions.
          await pause(130 * round);
          await server.serve(records);
          const start = performance.now();
          await follower.count(web, records.length);
          times.push(performance.now() - start);
        }
      }
      report(test, 'added → node set', inn);
      report(test, 'removed → node set', out);
    });

    it('follows SRV records to their targets, with priorities, weights and ports', async () => {
      await server.serve([
        'a IN A 127.0.0.1',
        'b IN A 127.0.0.2',
        'b6 IN AAAA ::1',
        '_http._tcp.web IN SRV 10 60 9001 a',
        '_http._tcp.web IN SRV 10 40 9002 b',
        '_http._tcp.web IN SRV 20 0 9003 a',
        '_http._tcp.web IN SRV 20 0 9004 b6',
        'named IN CNAME _http._tcp.web',
      ]);
      const web = query(`_http._tcp.web.${ZONE}`);
      const named = query(`named.${ZONE}`);
      follower.sets.want([web, named]);
      const expected = ['127.0.0.1:9001 60 -10', '127.0.0.1:9003 1 -20', '127.0.0.2:9002 40 -10', '::1:9004 1 -20'];
      const { nodes } = await follower.count(web, 4);
      assert.deepEqual(nodes.map(shown), expected);
      assert.deepEqual(nodes[0]!.metadata, { target: `a.${ZONE}` });
      assert.deepEqual((await follower.count(named, 4)).nodes.map(shown), expected);
    });

    it('follows aliases, and takes IPv6 where there is no IPv4', async () => {
      await server.serve(['alias IN CNAME other', 'other IN CNAME six', 'six IN AAAA ::1']);
      const alias = query(`alias.${ZONE}:81`);
      follower.sets.want([alias]);
      assert.deepEqual((await follower.count(alias, 1)).nodes.map(shown), ['::1:81 1 0']);
    });

    it('reads 200 records whole, which do not fit a datagram', async () => {
      const hosts = Array.from({ length: 200 }, (_, index) => `many IN A 127.1.${index >> 7}.${1 + (index & 127)}`);
      const targets = hosts.map((line, index) => line.replace('many', `target-${index}`));
      const records = targets.map((_, index) => `_x._tcp.many IN SRV 1 1 ${9000 + index} target-${index}`);
      await server.serve([...hosts, ...targets, ...records]);
      follower.sets.want([query(`many.${ZONE}:80`), query(`_x._tcp.many.${ZONE}`)]);
      await follower.count(query(`many.${ZONE}:80`), 200);
      const { nodes } = await follower.count(query(`_x._tcp.many.${ZONE}`), 200);
      assert.equal(new Set(nodes.map(shown)).size, 200);
    });

    it('tells "no such name" from "no such records"', async () => {
      await server.serve(['text IN TXT "x"']);
      follower.sets.want([query(`none.${ZONE}:80`), query(`text.${ZONE}:80`)]);
      const none = await follower.until(query(`none.${ZONE}:80`), (set) => set.state === 'failed');
      assert.match(none.reason ?? '', /there is no name none\..*kept until /);
      assert.equal((await follower.until(query(`text.${ZONE}:80`), (set) => set.state !== 'init')).state, 'ok');
    });

    it('keeps the nodes of a name that is gone for as long as it was told', async () => {
      await server.serve(['web IN A 127.0.0.1']);
      const quick = new Follower(server, { hold: { ...DEFAULT_DNS.hold, nxdomain: 1_500 } });
      const web = query(`web.${ZONE}:80`);
      try {
        quick.sets.want([web]);
        await quick.count(web, 1);
        await server.serve([]);
        const held = await quick.until(web, (set) => set.state === 'stale');
        assert.equal(held.nodes.length, 1);
        const start = performance.now();
        await quick.count(web, 0);
        assert.ok(performance.now() - start > 1_000);
      } finally {
        await quick.close();
      }
    });

    it('is refused for a zone that the server does not have, which is not "no such name"', async () => {
      const foreign = query('web.other.example:80');
      follower.sets.want([foreign]);
      const set = await follower.until(foreign, (each) => each.state === 'failed');
      assert.match(set.reason ?? '', /answered REFUSED; the nodes are kept/);
    });

    it('keeps the nodes while the server is away, and follows it when it is back', async () => {
      const web = query(`web.${ZONE}:80`);
      await server.serve(['web IN A 127.0.0.1', 'web IN A 127.0.0.2']);
      follower.sets.want([web]);
      await follower.count(web, 2);
      await server.kill();
      const stale = await follower.until(web, (set) => set.state === 'stale');
      assert.equal(stale.nodes.length, 2);
      assert.match(stale.reason ?? '', /ECONNREFUSED.*the nodes are kept/);
      await server.restart();
      await follower.count(web, 2);
      await server.serve(['web IN A 127.0.0.1', 'web IN A 127.0.0.2', 'web IN A 127.0.0.3']);
      await follower.count(web, 3);
    });
  });
}
