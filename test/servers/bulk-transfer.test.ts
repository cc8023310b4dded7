import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { UpstreamView } from '../../src/admin/views.ts';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { program } from '../support/programs.ts';
import { ServerProcess } from '../support/server-process.ts';
import { serverSuite } from '../support/server-suite.ts';

const run = promisify(execFile);
/** How long one transfer runs. */
const SECONDS = '2';
/** What iperf3 says of itself on its control connection: less than this each way. */
const CONTROL_BYTES = 256 * 1024;

/** What was sent or arrived one way, over all streams. `packets` and `lost_packets` of UDP only. */
interface Sum {
  readonly bytes: number;
  readonly packets?: number;
  readonly lost_packets?: number;
}

/** What `iperf3 -J` prints, as far as it is looked at; `_bidir_reverse` is from the server with `--bidir`. */
interface Report {
  readonly error?: string;
  readonly start?: { readonly connected: readonly unknown[] };
  readonly end: Partial<Record<`sum_${'sent' | 'received'}${'' | '_bidir_reverse'}`, Sum>>;
}

/** Bytes that Headgate passed on. */
interface Passed {
  readonly up: number;
  readonly down: number;
}

serverSuite('iperf3 through stream routes', program('iperf3'), 'bash test/servers/iperf3.sh', (iperf3) => {
  const servers: ServerProcess[] = [];
  let headgate: HeadgateProcess;
  let port: number;

  /** One measurement. iperf3 opens a connection for control and one for each stream, by UDP to the same port number. */
  const measure = async (to: number, ...options: string[]): Promise<Report> => {
    const args = ['-c', '127.0.0.1', '-p', String(to), '-J', ...options];
    const { stdout } = await run(iperf3, args, { timeout: 60_000, maxBuffer: 1e8 }).catch((error) => error);
    const report = JSON.parse(stdout) as Report;
    assert.equal(report.error, undefined);
    return report;
  };

  /**
   * The counters once nothing is under way: by then all bytes are in them. A datagram that comes too late for iperf3 is refused,
   * and the node left alone for a second: that has to be over too.
   */
  const settled = async (): Promise<Passed> => {
    for (;;) {
      const [upstream] = await headgate.admin<UpstreamView[]>('/v1/upstreams');
      if (upstream!.nodes.every(({ inflight, demoted }) => inflight === 0 && !demoted)) break;
      await pause(50);
    }
    const bytes = (direction: 'received' | 'sent') =>
      headgate.metric(`headgate_stream_${direction}_bytes_total{route="bulk",upstream="stream_route:bulk"}`);
    return { up: await bytes('received'), down: await bytes('sent') };
  };

  const listener = (kind: '' | '/udp') =>
    headgate.metric(`headgate_listener_connections_total{listener="127.0.0.1:${port}${kind}"}`);

  before(async () => {
    const [free = 0, ...nodes] = await freePorts(3);
    port = free;
    for (const node of nodes) {
      const server = new ServerProcess('iperf3', iperf3, ['-s', '-B', '127.0.0.1', '-p', String(node)]);
      servers.push(server);
      await server.start(async () => (await measure(node, '-n', '1K')).error === undefined);
    }
    const address = `127.0.0.1:${port}`;
    headgate = await HeadgateProcess.start({
      listen: [],
      stream_listen: [{ address }, { address, protocol: 'udp', udp: { idle_timeout: 3 } }],
      admin: { address: '127.0.0.1:0' },
      // With --bidir iperf3 tells its connections apart by the order in which they arrive, and two workers may swap them.
      workers: 1,
      shutdown: { delay: 0, drain: 1 },
      // All that belongs to one measurement must get to one server: the client's address sees to that.
      stream_routes: [
        {
          id: 'bulk',
          upstream: {
            type: 'chash',
            key: 'remote_addr',
            nodes: Object.fromEntries(nodes.map((node) => [`127.0.0.1:${node}`, 1])),
          },
        },
      ],
    });
  });

  after(async () => {
    await headgate?.stop();
    for (const server of servers) await server.end('SIGTERM');
  });

  /** What left one end, what came through, and what got to the other. */
  const between = (report: Report, way: '' | '_bidir_reverse', passed: number) => {
    const sent = report.end[`sum_sent${way}`]!;
    const received = report.end[`sum_received${way}`]!;
    assert.ok(received.bytes > 0, 'something arrived');
    assert.ok(received.bytes <= sent.bytes, 'nothing arrived that was not sent');
    assert.ok(passed >= received.bytes, `${passed} bytes counted, ${received.bytes} arrived`);
    assert.ok(passed <= sent.bytes + CONTROL_BYTES, `${passed} bytes counted, ${sent.bytes} sent`);
    return { sent, received };
  };

  for (const [what, options, streams, ways] of [
    ['client to server', [], 1, 'up'],
    ['server to client', ['-R'], 1, 'down'],
    ['both ways at once', ['--bidir'], 2, 'both'],
    ['client to server in four streams', ['-P', '4'], 4, 'up'],
    ['server to client in four streams', ['-R', '-P', '4'], 4, 'down'],
    ['both ways in four streams each', ['--bidir', '-P', '4'], 8, 'both'],
  ] as const) {
    it(`TCP, ${what}`, { timeout: 90_000 }, async (t) => {
      const before = await settled();
      const connections = await listener('');
      const report = await measure(port, '-t', SECONDS, ...options);
      const now = await settled();
      const up = now.up - before.up;
      const down = now.down - before.down;
      t.diagnostic(`${Math.round(up / 1e6)} MB up, ${Math.round(down / 1e6)} MB down`);
      assert.equal(report.start?.connected.length, streams);
      assert.equal((await listener('')) - connections, streams + 1, 'and the one for control');
      between(report, '', ways === 'down' ? down : up);
      if (ways === 'both') between(report, '_bidir_reverse', down);
    });
  }

  for (const [what, options, sessions, ways] of [
    ['client to server', ['-l', '1400', '-b', '100M'], 1, 'up'],
    ['server to client', ['-l', '1400', '-b', '100M', '-R'], 1, 'down'],
    ['both ways in two sessions each, large datagrams', ['-l', '32000', '-b', '25M', '--bidir', '-P', '2'], 4, 'both'],
  ] as const) {
    it(`UDP, 100 Mbit/s, ${what}`, { timeout: 90_000 }, async (t) => {
      const before = await settled();
      const counted = await listener('/udp');
      const report = await measure(port, '-u', '-t', SECONDS, ...options);
      const now = await settled();
      // A datagram that comes too late begins another session, which is refused.
      assert.ok((await listener('/udp')) - counted >= sessions);
      const arrived = (way: '' | '_bidir_reverse', passed: number) => {
        const { packets, lost_packets: lost } = between(report, way, passed).received;
        // UDP promises nothing: the system drops what a process that is not scheduled does not fetch.
        t.diagnostic(`${lost} of ${packets} datagrams lost`);
      };
      arrived('', ways === 'down' ? now.down - before.down : now.up - before.up);
      if (ways === 'both') arrived('_bidir_reverse', now.down - before.down);
    });
  }
});
