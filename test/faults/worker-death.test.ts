/**
 * A worker dies under streams, TLS streams, streams that pass by their server name, UDP sessions, new connections, reloads and
 * changes of membership: only what was its own is lost.
 */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer, type Server } from 'node:tls';
import type { Worker } from 'node:worker_threads';
import { documentFrom } from '../../src/config/document.ts';
import { Gateway } from '../../src/control/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { selfSigned } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import { DatagramTalker, StreamTalker } from '../support/long-talkers.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { echo, TcpBackend, TcpClient } from '../support/tcp-backend.ts';
import { UdpNode, UdpPeer } from '../support/udp-peer.ts';

const WORKERS = 3;
/** Of each kind of stream. */
const STREAMS = 24;
const SESSIONS = 48;
/** What one source may have; only one is there. */
const SOURCE_CAP = 60;
const KINDS = ['plain', 'tls', 'sni'] as const;
type Kind = (typeof KINDS)[number];

describe('a worker that dies under load', {
  timeout: 120_000,
  skip: process.platform === 'linux' ? false : 'reads /proc: run it on Linux',
}, () => {
  const threads: Worker[] = [];
  const remember = (message: unknown) => void threads.push((message as { worker: Worker }).worker);
  const certificate = selfSigned('db.example');
  const log = new RecordingLog();
  let nodes: TcpBackend[] = [];
  let secure: Server;
  let answering: UdpNode[] = [];
  let ports: Record<Kind | 'udp', number>;
  let gateway: Gateway;
  const streams: StreamTalker[] = [];
  const sessions: DatagramTalker[] = [];
  let seed = 1;

  const address = (port: number) => `127.0.0.1:${port}`;
  /** Generations differ in nodes, weights and an unrelated route. */
  const configuration = (generation: number) => {
    const members = generation % 2 === 0 ? nodes.slice(0, 2) : nodes.slice(1);
    return documentFrom({
      listen: [],
      stream_listen: [
        { address: address(ports.plain), max_connections_per_source: SOURCE_CAP },
        { address: address(ports.tls), tls: certificate },
        { address: address(ports.sni) },
        {
          address: address(ports.udp),
          protocol: 'udp',
          udp: { idle_timeout: 5, max_sessions_per_source: SOURCE_CAP },
        },
      ],
      admin: { address: '127.0.0.1:0' },
      workers: WORKERS,
      upstreams: [
        { id: 'echo', nodes: Object.fromEntries(members.map(({ port }) => [address(port), 1 + generation])) },
        { id: 'secure', nodes: { [address((secure.address() as AddressInfo).port)]: 1 } },
        { id: 'datagrams', nodes: Object.fromEntries(answering.map(({ port }) => [address(port), 1])) },
      ],
      stream_routes: [
        { id: 'plain', server_port: ports.plain, upstream_id: 'echo' },
        { id: 'tls', server_port: ports.tls, upstream_id: 'echo' },
        { id: 'sni', server_port: ports.sni, sni: 'db.example', upstream_id: 'secure' },
        { id: 'udp', protocol: 'udp', upstream_id: 'datagrams' },
        { id: `unrelated-${generation}`, protocol: 'tcp', remote_addr: '192.0.2.1', upstream_id: 'echo' },
      ],
    });
  };

  const answeringNode = async () => {
    const node = await UdpNode.open();
    node.answer = (question) => [`${node.messages.at(-1)!.from.port} ${question}`];
    return node;
  };

  before(async () => {
    subscribe('worker_threads', remember);
    nodes = [await TcpBackend.start(echo), await TcpBackend.start(echo), await TcpBackend.start(echo)];
    secure = createTlsServer({ ...certificate, allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      echo(socket);
    }).listen(0, '127.0.0.1');
    secure.on('tlsClientError', () => {});
    await once(secure, 'listening');
    answering = [await answeringNode(), await answeringNode()];
    const [plain, tls, sni, udp] = await freePorts(4);
    ports = { plain: plain!, tls: tls!, sni: sni!, udp: udp! };
    gateway = await Gateway.start({
      ...{ document: configuration(0), stateDirectory: null, version: 'test' },
      ...{ clock: systemClock, random: systemRandom, log },
    });
  });

  after(async () => {
    unsubscribe('worker_threads', remember);
    await Promise.all(sessions.map((talker) => talker.stop()));
    for (const { socket } of streams) socket.destroy();
    await gateway?.close(systemClock.now());
    secure?.close();
    await Promise.all([...nodes, ...answering].map((node) => node.close()));
  });

  const open = async (kind: Kind): Promise<StreamTalker> => {
    const target = { port: ports[kind], host: '127.0.0.1', allowHalfOpen: true };
    const socket: Socket =
      kind === 'plain' ? connect(target) : connectTls({ ...target, servername: 'db.example', ca: certificate.cert });
    seed += 1;
    return new StreamTalker(kind, socket, seed);
  };
  const metrics = async () => (await gateway.views.metrics()).text;
  /** Sum over the series whose line this matches. */
  const sum = async (series: RegExp) => {
    const lines = (await metrics()).split('\n').filter((line) => series.test(line));
    return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };
  const inflight = (...ids: string[]) =>
    gateway.views
      .upstreams()
      .filter(({ id }) => ids.includes(id))
      .flatMap((upstream) => upstream.nodes)
      .reduce((total, node) => total + node.inflight, 0);
  const living = () => streams.filter(({ broken }) => broken === null);
  const until = async (condition: () => boolean | Promise<boolean>) => {
    while (!(await condition())) await pause(5);
  };
  /** Everybody hears so many more. */
  const talkOn = async (more: number) => {
    const goals = [...living(), ...sessions].map((talker) => ({ talker, goal: talker.heard + more }));
    await until(() => goals.every(({ talker, goal }) => talker.heard >= goal || ('broken' in talker && talker.broken)));
  };
  /** Streams that a worker ended, other than by both sides' FIN. Those of a dead worker nobody counts. */
  const cut = () => sum(/^headgate_node_requests_total\{.*outcome="(reset|aborted|timeout|connect_failure)"/);

  /** Opens and ends connections until it is told to stop. Those that were there while a worker died may have been its own. */
  class Newcomers {
    /** Odd while a worker dies. */
    period = 0;
    served = 0;
    readonly failures: string[] = [];
    #stopped = false;
    readonly #loop = this.#run();

    async stop(): Promise<void> {
      this.#stopped = true;
      await this.#loop;
    }

    async #run(): Promise<void> {
      for (let count = 0; !this.#stopped; count++) {
        const { period } = this;
        const talker = await open(KINDS[count % KINDS.length]!);
        await until(() => talker.heard > 0 || talker.broken !== null);
        await talker.stop();
        if (talker.broken === null) this.served += 1;
        else if (period % 2 === 0 && period === this.period) this.failures.push(`${talker.what}: ${talker.broken}`);
      }
    }
  }

  /** From outside, at any place of its code; and by a bug, which leaves it the time to break its streams. */
  const deaths = {
    'is ended': (thread: Worker) => void thread.terminate(),
    crashes: (thread: Worker) => thread.postMessage({ type: 'patch', patch: null }),
  };
  for (const [round, [how, kill]] of Object.entries(deaths).entries()) {
    it(`takes along only its own when it ${how}, and new clients are served all the while`, async () => {
      for (const kind of KINDS) {
        const missing = STREAMS - living().filter(({ what }) => what === kind).length;
        for (let count = 0; count < missing; count++) streams.push(await open(kind));
      }
      while (sessions.length < SESSIONS) sessions.push(await DatagramTalker.open(ports.udp));
      await talkOn(3);
      const cutBefore = await cut();
      const newcomers = new Newcomers();
      await until(() => newcomers.served >= 3);

      const before = { streams: living(), sessions: sessions.map(({ session }) => session!) };
      newcomers.period += 1;
      const dying = threads[round]!;
      const started = threads.length;
      kill(dying);
      await new Promise((resolve) => dying.once('exit', resolve));
      const bound = boundUdpPorts();
      newcomers.period += 1;
      gateway.reload(configuration(2 * round + 1));
      await talkOn(3);

      await until(() => threads.length > started);
      gateway.reload(configuration(2 * round + 2));
      await until(async () => (await sum(/^headgate_workers /)) === WORKERS);
      const served = newcomers.served;
      await until(() => newcomers.served > served + 2 * KINDS.length);
      await talkOn(5);
      await newcomers.stop();

      assert.deepEqual(newcomers.failures, []);
      const lost = before.streams.filter(({ broken }) => broken !== null);
      for (const kind of KINDS) {
        const count = lost.filter(({ what }) => what === kind).length;
        assert.ok(count > 0 && count < STREAMS, `${count} of ${STREAMS} ${kind} streams were lost`);
      }
      assert.deepEqual(
        lost.filter(({ broken }) => broken === 'other bytes than were sent'),
        [],
      );
      if (how === 'crashes') {
        const plain = lost.filter(({ what }) => what === 'plain').map(({ broken }) => broken);
        assert.deepEqual(new Set(plain), new Set(['ECONNRESET']), 'none looks as if it had been finished');
      }
      // One that crashes may have counted what it broke at the end.
      const own = how === 'crashes' ? lost.length : 0;
      assert.ok((await cut()) - cutBefore <= own, 'no other worker has broken anything');
      await until(() => inflight('echo', 'secure') === living().length);
      await until(async () => (await sum(/^headgate_listener_connections\{.*(?<!udp)"\} /)) === living().length);

      const orphans = before.sessions.filter((session) => !bound.has(session));
      assert.ok(orphans.length > 0 && orphans.length < SESSIONS, `${orphans.length} sessions were lost`);
      for (const [index, session] of before.sessions.entries()) {
        const { sessions: had } = sessions[index]!;
        const since = had.slice(had.lastIndexOf(session));
        if (bound.has(session)) assert.deepEqual(since, [session], 'a session of another worker goes on');
        else assert.ok(since.length > 1, 'and a client of the dead one has another');
      }
    });
  }

  it('leaves nothing behind: no use, no connection, no session, and the caps are free again', async () => {
    await Promise.all([...living(), ...sessions.splice(0)].map((talker) => talker.stop()));
    await until(() => inflight('echo', 'secure', 'datagrams') === 0);
    await until(async () => (await sum(/^headgate_listener_connections\{/)) === 0);

    const clients: TcpClient[] = [];
    const admitted = async () => {
      const client = await TcpClient.connect(ports.plain);
      clients.push(client);
      client.socket.write('x');
      await until(() => client.text === 'x' || client.ending !== null);
      return client.ending === null;
    };
    for (let count = 0; count < SOURCE_CAP; count++) assert.ok(await admitted(), `stream ${count}`);
    assert.equal(await admitted(), false);
    for (const { socket } of clients) socket.destroy();

    const refused = () => sum(/^headgate_listener_refused_total\{.*udp"/);
    const before = await refused();
    const peers: UdpPeer[] = [];
    for (let count = 0; count <= SOURCE_CAP; count++) {
      const peer = await UdpPeer.open();
      peers.push(peer);
      peer.send('x', ports.udp);
      await until(async () => peer.messages.length > 0 || (await refused()) > before);
    }
    assert.deepEqual(
      peers.map(({ messages }) => messages.length),
      [...Array.from({ length: SOURCE_CAP }, () => 1), 0],
    );
    await Promise.all(peers.map((peer) => peer.close()));
  });
});

/** Ports of this process's UDP sockets, in decimal. */
function boundUdpPorts(): ReadonlySet<string> {
  const own = new Set(readdirSync('/proc/self/fd').map(targetOf));
  const sockets = readFileSync('/proc/net/udp', 'latin1').trim().split('\n').slice(1);
  const fields = sockets.map((line) => line.trim().split(/\s+/));
  const mine = fields.filter((line) => own.has(`socket:[${line[9]}]`));
  return new Set(mine.map((line) => String(Number.parseInt(line[1]!.split(':')[1]!, 16))));
}

/** Empty for a descriptor that is closed by now. */
function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}
