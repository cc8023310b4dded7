import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as servers from '../support/dns-servers.ts';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { serverSuite } from '../support/server-suite.ts';

const { DnsServer, ZONE } = servers;
const exec = promisify(execFile);
const NAME = `web.${ZONE}`;
/** More than a datagram of 512 bytes holds. */
const MANY = Array.from({ length: 60 }, (_, index) => `many IN A 10.1.0.${index + 1}`);
const RECORDS = ['web IN A 10.0.0.1', ...MANY];

/** Headgate on one port by UDP and by TCP, one route for both, in front of real DNS servers. */
class DnsGateway {
  readonly headgate: HeadgateProcess;
  readonly port: number;
  readonly #configuration: (retries: number) => object;

  private constructor(headgate: HeadgateProcess, port: number, configuration: (retries: number) => object) {
    this.headgate = headgate;
    this.port = port;
    this.#configuration = configuration;
  }

  static async start(nodes: readonly { readonly address: { readonly port: number } }[]): Promise<DnsGateway> {
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const known = Object.fromEntries(nodes.map((node) => [`127.0.0.1:${node.address.port}`, 1]));
    const configuration = (retries: number) => ({
      listen: [],
      stream_listen: [{ address, protocol: 'udp', udp: { responses: 1 } }, { address }],
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      stream_routes: [{ id: 'dns', upstream: { nodes: known, retries } }],
      shutdown: { delay: 0, drain: 2 },
    });
    return new DnsGateway(await HeadgateProcess.start(configuration(8)), port!, configuration);
  }

  /** Another plan of the same nodes; resolves when it is in force. */
  async reload(retries: number): Promise<void> {
    const done = () => this.headgate.metric('headgate_config_reloads_total{result="success"}');
    const before = await done();
    this.headgate.configure(this.#configuration(retries));
    this.headgate.signal('SIGHUP');
    while ((await done()) === before) await pause(5);
  }

  /** Asks `count` questions one after the other, each from a port of its own and once; returns the failures. */
  async ask(count: number): Promise<string[]> {
    const failures: string[] = [];
    for (let question = 0; question < count; question++) {
      const resolver = new Resolver({ timeout: 8000, tries: 1 });
      resolver.setServers([`127.0.0.1:${this.port}`]);
      const answer = await resolver.resolve4(NAME).catch((error) => [String(error)]);
      if (answer.join() !== '10.0.0.1') failures.push(answer.join());
    }
    return failures;
  }
}

serverSuite('CoreDNS behind a UDP and a TCP listener', servers.coreDnsBinary(), servers.COREDNS_COMMAND, (binary) => {
  let first: servers.DnsServer;
  let second: servers.DnsServer;
  let gateway: DnsGateway;

  before(async () => {
    first = await DnsServer.coreDns(binary);
    second = await DnsServer.coreDns(binary);
    for (const server of [first, second]) await server.serve(RECORDS);
    gateway = await DnsGateway.start([first, second]);
  });
  after(async () => {
    await gateway?.headgate.stop();
    await first?.stop();
    await second?.stop();
  });

  const metric = (name: string, labels: string) => gateway.headgate.metric(`headgate_${name}{${labels}}`);

  it('answers, and an answer too large for a datagram is fetched by TCP', async () => {
    assert.deepEqual(await gateway.ask(20), []);
    const resolver = new Resolver({ timeout: 8000, tries: 1 });
    resolver.setServers([`127.0.0.1:${gateway.port}`]);
    assert.equal((await resolver.resolve4(`many.${ZONE}`)).length, MANY.length);
    const udp = `listener="127.0.0.1:${gateway.port}/udp"`;
    assert.equal(await metric('listener_connections_total', udp), 21);
    assert.equal(await metric('listener_connections', udp), 0, 'a session ends with its answer');
    assert.equal(await metric('listener_connections_total', `listener="127.0.0.1:${gateway.port}"`), 1);
  });

  it('loses no question to reloads, nor to a server that dies and comes again', async () => {
    const clients = Array.from({ length: 4 }, () => gateway.ask(150));
    for (let round = 1; round <= 5; round++) await gateway.reload(round);
    // A question that its server had read when it died has no answer: here none is under way.
    assert.deepEqual((await Promise.all(clients)).flat(), []);
    await second.kill();
    assert.deepEqual((await Promise.all(Array.from({ length: 4 }, () => gateway.ask(50)))).flat(), []);
    const node = `upstream="stream_route:dns",node="127.0.0.1:${second.address.port}",outcome="connect_failure"`;
    assert.ok((await metric('node_requests_total', node)) > 0, 'the dead one was tried, and refused');
    await second.restart();
    assert.deepEqual(await gateway.ask(20), []);
  });
});

serverSuite(
  'BIND behind a UDP and a TCP listener, asked by dig',
  servers.bindBinary(),
  servers.BIND_COMMAND,
  (binary) => {
    let server: servers.DnsServer;
    let gateway: DnsGateway;
    const dig = async (...args: readonly string[]) => {
      const where = ['@127.0.0.1', '-p', String(gateway.port), '+tries=1', '+timeout=8', '+short'];
      const { stdout } = await exec(servers.digBinary()!, [...where, ...args]);
      return stdout.trim().split('\n');
    };

    before(async () => {
      server = await DnsServer.bind(binary);
      await server.serve(RECORDS);
      gateway = await DnsGateway.start([server]);
    });
    after(async () => {
      await gateway?.headgate.stop();
      await server?.stop();
    });

    it('answers by UDP and by TCP', async () => {
      assert.deepEqual(await dig(NAME, 'A'), ['10.0.0.1']);
      assert.deepEqual(await dig('+tcp', NAME, 'A'), ['10.0.0.1']);
    });

    it('passes a truncated answer, and large ones by EDNS and by TCP', async () => {
      assert.deepEqual(await dig('+noedns', '+ignore', `many.${ZONE}`, 'A').then((lines) => lines.length < 60), true);
      assert.equal((await dig('+noedns', `many.${ZONE}`, 'A')).length, 60);
      assert.equal((await dig('+bufsize=4096', '+notcp', `many.${ZONE}`, 'A')).length, 60);
    });
  },
);

serverSuite('dnsperf through a UDP listener', servers.dnsperfBinary(), servers.DNSPERF_COMMAND, (dnsperf) => {
  serverSuite('to CoreDNS', servers.coreDnsBinary(), servers.COREDNS_COMMAND, (coreDns) => {
    it('gets an answer to every question', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'headgate-dnsperf-'));
      const questions = join(directory, 'questions');
      writeFileSync(questions, `${NAME} A\n`);
      const server = await DnsServer.coreDns(coreDns);
      await server.serve(RECORDS);
      const gateway = await DnsGateway.start([server]);
      try {
        const load = ['-d', questions, '-n', '20000', '-c', '16', '-q', '16', '-t', '10'];
        const { stdout } = await exec(dnsperf, ['-s', '127.0.0.1', '-p', String(gateway.port), ...load]);
        assert.match(stdout, /Queries completed: +20000 \(100\.00%\)/);
        assert.match(stdout, /Response codes: +NOERROR 20000 \(100\.00%\)/);
      } finally {
        await gateway.headgate.stop();
        await server.stop();
        rmSync(directory, { recursive: true, force: true });
      }
    });
  });
});
