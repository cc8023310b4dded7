import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { writeProxyHeader } from '../../src/l4/write-proxy-header.ts';
import { selfSigned } from '../support/certificates.ts';
import { EchoClient } from '../support/echo-client.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { echoServer } from '../support/tcp-echo.ts';

const RELOADS = 100;
/** Streams that stay open on each listener. */
const STREAMS = 5;

const KINDS = [
  { what: 'plain', proxied: false, secure: false },
  { what: 'PROXY', proxied: true, secure: false },
  { what: 'TLS', proxied: false, secure: true },
  { what: 'PROXY and TLS', proxied: true, secure: true },
] as const;

describe(`${RELOADS} reloads with streams open`, () => {
  const certificates = [selfSigned('db.example'), selfSigned('db.example')];
  let stays: Awaited<ReturnType<typeof echoServer>>;
  let comes: Awaited<ReturnType<typeof echoServer>>;
  let headgate: HeadgateProcess;

  /** Each has another unrelated route, now one node and now two, and now one certificate and now the other. */
  const configuration = (generation: number) => ({
    listen: [],
    stream_listen: KINDS.map(({ proxied, secure }) => ({
      address: '127.0.0.1:0',
      max_connections_per_source: 100,
      ...(proxied ? { proxy_protocol: true, trusted_addresses: ['127.0.0.1'] } : {}),
      ...(secure ? { tls: true } : {}),
    })),
    admin: { address: '127.0.0.1:0' },
    workers: 2,
    shutdown: { delay: 0, drain: 0 },
    ssls: [{ id: 'db', sni: 'db.example', ...certificates[generation % 2] }],
    upstreams: [
      {
        id: 'echo',
        type: 'least_conn',
        node_limit: { max: 500 + generation },
        on_node_gone: 'close',
        nodes: Object.fromEntries(
          (generation % 2 === 0 ? [stays] : [stays, comes]).map(({ port }) => [`127.0.0.1:${port}`, 1 + generation]),
        ),
      },
    ],
    stream_routes: [
      { id: 'echo', upstream_id: 'echo' },
      { id: 'unrelated', remote_addr: `10.0.0.${generation}`, upstream_id: 'echo' },
    ],
  });

  const connected = async (index: number): Promise<EchoClient> => {
    const { what, proxied, secure } = KINDS[index]!;
    const raw = connect(headgate.tcpPorts[index]!, '127.0.0.1');
    raw.on('error', () => {});
    const peers = { remoteAddress: '192.0.2.7', remotePort: 1, localAddress: '192.0.2.1', localPort: 2 };
    if (proxied) raw.write(writeProxyHeader(2, peers));
    if (!secure) return new EchoClient(what, raw);
    const secured = connectTls({ socket: raw, servername: 'db.example', ca: certificates.map(({ cert }) => cert) });
    const client = new EchoClient(what, secured);
    await once(secured, 'secureConnect');
    return client;
  };

  before(async () => {
    [stays, comes] = await Promise.all([echoServer(), echoServer()]);
    headgate = await HeadgateProcess.start(configuration(0));
  });

  after(async () => {
    await headgate?.stop();
    stays?.close();
    comes?.close();
  });

  it('breaks no stream whose node stays, refuses no new one, and counts them all', async () => {
    const streams: EchoClient[] = [];
    for (let count = 0; count < STREAMS; count++) {
      streams.push(...(await Promise.all(KINDS.map((_, index) => connected(index)))));
    }
    for (const stream of streams) assert.equal(await stream.echo('before'), 'before', stream.what);
    for (let generation = 1; generation <= RELOADS; generation++) {
      const seen = headgate.events.length;
      headgate.configure(configuration(generation));
      headgate.signal('SIGHUP');
      await headgate.event('config.reloaded', seen);
      const fresh = await connected(generation % KINDS.length);
      assert.equal(await fresh.echo('fresh'), 'fresh', `${fresh.what} after reload ${generation}`);
      fresh.close();
      const open = streams[generation % streams.length]!;
      assert.equal(await open.echo(`${generation}`), `${generation}`, `${open.what} after reload ${generation}`);
    }
    for (const stream of streams) assert.equal(await stream.echo('after'), 'after', stream.what);
    const refused = (await (await fetch(`${headgate.adminUrl}/metrics`)).text())
      .split('\n')
      .filter((line) => line.startsWith('headgate_listener_refused_total{') && !line.endsWith(' 0'));
    assert.deepEqual(refused, []);
    const inflight = async () => {
      const [echo] = await headgate.admin<{ nodes: { inflight: number }[] }[]>('/v1/upstreams');
      return echo!.nodes.reduce((sum, node) => sum + node.inflight, 0);
    };
    while ((await inflight()) > streams.length);
    assert.equal(await inflight(), streams.length);
    for (const stream of streams) stream.close();
    while ((await inflight()) > 0);
  });
});
