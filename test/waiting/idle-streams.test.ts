import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as openPlain, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer as createTlsServer, connect as openTls } from 'node:tls';
import { selfSigned } from '../support/certificates.ts';
import { EchoClient } from '../support/echo-client.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { until } from '../support/tcp-backend.ts';

/** How long the streams are silent; the gate takes 600. */
const SECONDS = Number(process.env.IDLE_SECONDS ?? 5);
/** Silence that the routes to upstream `brief` allow. */
const BRIEF_SECONDS = SECONDS / 2;
const RELOADS = 5;

const KINDS = [
  { what: 'plain', secure: false, name: undefined },
  { what: 'TLS ended', secure: true, name: undefined },
  { what: 'TLS to the node', secure: false, name: undefined },
  { what: 'TLS passed on by name', secure: true, name: 'db.example' },
  { what: 'brief', secure: false, name: undefined },
] as const;
const BRIEF = KINDS.length - 1;

/** The nodes' ends, by the first that their clients said. */
const served = new Map<string, Socket>();

function echo(socket: Socket): void {
  socket.on('error', () => {});
  socket.once('data', (first: Buffer) => served.set(first.toString(), socket));
  socket.pipe(socket);
}

describe(`streams that are silent for ${SECONDS} s`, () => {
  const certificate = selfSigned('db.example');
  const nodes: Record<'plain' | 'tls', Server> = {
    plain: createServer(echo),
    tls: createTlsServer(certificate, echo),
  };
  let headgate: HeadgateProcess;
  let over = false;

  /** Each generation has another unrelated route and other weights. */
  const configuration = (generation: number) => {
    const node = (kind: 'plain' | 'tls') => ({
      nodes: { [`127.0.0.1:${(nodes[kind].address() as AddressInfo).port}`]: 1 + generation },
    });
    const secure = { scheme: 'tls', tls: { verify: false } };
    return {
      listen: [],
      stream: { idle_timeout: 2 * SECONDS + 60 },
      stream_listen: KINDS.map(({ secure, name }, index) => ({
        address: `127.0.0.${index + 1}:0`,
        ...(secure && !name ? { tls: { cert: certificate.cert, key: certificate.key } } : {}),
      })),
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      shutdown: { delay: 0, drain: 0 },
      upstreams: [
        { id: 'plain', ...node('plain') },
        { id: 'secured', ...node('tls'), ...secure },
        { id: 'tls', ...node('tls') },
        { id: 'brief', ...node('plain') },
      ],
      stream_routes: [
        { id: 'r0', server_addr: '127.0.0.1', upstream_id: 'plain' },
        { id: 'r1', server_addr: '127.0.0.2', upstream_id: 'plain' },
        { id: 'r2', server_addr: '127.0.0.3', upstream_id: 'secured' },
        { id: 'r3', server_addr: '127.0.0.4', sni: 'db.example', upstream_id: 'tls' },
        { id: 'r4', server_addr: '127.0.0.5', upstream_id: 'brief', idle_timeout: BRIEF_SECONDS },
        { id: 'unrelated', remote_addr: `10.0.0.${generation}`, upstream_id: 'plain' },
      ],
    };
  };

  const open = (index: number): EchoClient => {
    const { what, secure, name } = KINDS[index]!;
    const address = { port: headgate.tcpPorts[index]!, host: `127.0.0.${index + 1}` };
    if (!secure) return new EchoClient(what, openPlain(address));
    return new EchoClient(
      what,
      openTls({ ...address, rejectUnauthorized: false, ...(name ? { servername: name } : {}) }),
    );
  };

  const inflight = async (): Promise<Record<string, number>> => {
    const upstreams = await headgate.admin<{ id: string; nodes: { inflight: number }[] }[]>('/v1/upstreams');
    return Object.fromEntries(upstreams.map(({ id, nodes }) => [id, nodes[0]!.inflight]));
  };

  const outcomes = async (upstream: 'plain' | 'brief', outcome: string): Promise<number> => {
    const { port } = nodes.plain.address() as AddressInfo;
    const labels = `upstream="${upstream}",node="127.0.0.1:${port}",outcome="${outcome}"`;
    return headgate.metric(`headgate_node_requests_total{${labels}}`);
  };

  before(async () => {
    for (const server of Object.values(nodes)) await once(server.listen(0, '127.0.0.1'), 'listening');
    headgate = await HeadgateProcess.start(configuration(0));
  });

  after(async () => {
    over = true;
    await headgate?.stop();
    for (const server of Object.values(nodes)) server.close();
  });

  /** Streams that come and go, until it is over. */
  const traffic = async (): Promise<void> => {
    for (let count = 0; !over; count++) {
      const client = open(count % BRIEF);
      assert.equal(await client.echo(`passing ${count}`), `passing ${count}`, client.what);
      client.close();
      await pause(100);
    }
  };

  const reloads = async (): Promise<void> => {
    for (let generation = 1; generation <= RELOADS; generation++) {
      await pause((SECONDS * 1000) / (RELOADS + 1));
      const seen = headgate.events.length;
      headgate.configure(configuration(generation));
      headgate.signal('SIGHUP');
      await headgate.event('config.reloaded', seen);
    }
  };

  it('go on, whichever side speaks first; those that may not be silent for so long are cut', {
    timeout: (SECONDS + 120) * 1000,
  }, async () => {
    const silent = KINDS.slice(0, BRIEF).flatMap((_, index) => [open(index), open(index)]);
    for (const [index, client] of silent.entries()) assert.equal(await client.echo(`name ${index}`), `name ${index}`);
    const [heard, unheard] = [open(BRIEF), open(BRIEF)];
    assert.equal(await heard.echo('heard'), 'heard');

    const beside = traffic();
    await Promise.all([reloads(), pause(SECONDS * 1000)]);
    over = true;
    await beside;

    for (const [index, client] of silent.entries()) {
      assert.equal(client.broken, null, client.what);
      const node = served.get(`name ${index}`)!;
      if (index % 2 === 0) {
        node.write('anybody there?');
        assert.equal(await client.take(14), 'anybody there?', client.what);
      }
      assert.equal(await client.echo('still here'), 'still here', client.what);
    }
    await until(() => heard.broken !== null && unheard.broken !== null);
    assert.deepEqual([heard.broken, unheard.broken], ['closed', 'closed'], 'in order: nothing was on its way');
    const settled = { plain: 4, secured: 2, tls: 2, brief: 0 };
    while (JSON.stringify(await inflight()) !== JSON.stringify(settled)) await pause(20);
    assert.equal(await outcomes('brief', 'timeout'), 1, 'the stream whose node never said a word');
    for (const outcome of ['reset', 'aborted', 'connect_failure']) {
      for (const upstream of ['plain', 'brief'] as const) assert.equal(await outcomes(upstream, outcome), 0, outcome);
    }
    for (const client of silent) client.close();
    while (Object.values(await inflight()).some((count) => count > 0)) await pause(20);
  });
});
