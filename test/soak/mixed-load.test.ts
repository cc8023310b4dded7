/**
 * Minutes of mixed load, and nothing is left behind: `SOAK_SECONDS=600 npm test soak/`.
 *
 * Keep-alive GETs, uploads, aborted downloads, WebSockets, TCP streams, bad requests, reloads and a node that comes and
 * goes; then memory, descriptors and in-flight counts are compared with what they were after the warm-up.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { UpstreamView } from '../../src/admin/views.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { Load } from '../support/load.ts';
import { NodeProcess } from '../support/node-process.ts';
import { echoServer } from '../support/tcp-echo.ts';

const SECONDS = Number(process.env.SOAK_SECONDS ?? 60);
const WARM_UP_SECONDS = Math.min(30, SECONDS / 2);
const MIB = 1024 * 1024;

interface Footprint {
  readonly resident: number;
  readonly descriptors: number;
}

function footprint(pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    resident: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

describe(`${SECONDS} s of mixed load`, () => {
  let nodes: NodeProcess[];
  let echo: Awaited<ReturnType<typeof echoServer>>;
  let headgate: HeadgateProcess;
  let stopping = false;
  let generation = 0;

  const configuration = () => ({
    listen: ['127.0.0.1:0'],
    stream_listen: [{ address: '127.0.0.1:0' }],
    admin: { address: '127.0.0.1:0' },
    workers: 2,
    shutdown: { delay: 0, drain: 1 },
    upstreams: [
      { id: 'web', nodes: Object.fromEntries(nodes.map(({ port }) => [`127.0.0.1:${port}`, 1])) },
      { id: 'echo', nodes: { [`127.0.0.1:${echo.port}`]: 1 } },
    ],
    routes: [
      { id: 'web', uri: '/*', upstream_id: 'web' },
      { id: 'other', uri: `/generation-${generation}`, upstream_id: 'web' },
    ],
    stream_routes: [{ id: 'echo', upstream_id: 'echo' }],
  });
  const inflight = async () =>
    (await headgate.admin<UpstreamView[]>('/v1/upstreams'))
      .flatMap((upstream) => upstream.nodes)
      .reduce((sum, node) => sum + node.inflight, 0);

  /** Repeats a task until the load ends. */
  const repeat = async (task: () => Promise<void>) => {
    while (!stopping) await task();
  };
  const raw = async (bytes: string | Buffer, linger: number) => {
    const socket = connect(headgate.httpPort, '127.0.0.1');
    socket.on('error', () => {}).resume();
    socket.write(bytes);
    await pause(linger);
    socket.resetAndDestroy();
  };
  const upload = async () => {
    const answer = await fetch(`http://127.0.0.1:${headgate.httpPort}/up`, {
      method: 'POST',
      body: 'x'.repeat(200_000),
    });
    await answer.text();
    assert.equal(answer.status, 200);
  };
  const webSocket = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${headgate.httpPort}/socket`);
    await once(socket, 'open');
    for (let message = 0; message < 20; message++) {
      socket.send(`m${message}`);
      await once(socket, 'message');
    }
    socket.close();
    await once(socket, 'close');
  };
  const stream = async () => {
    const socket = connect(headgate.tcpPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.end('x'.repeat(100_000));
    socket.resume();
    await once(socket, 'close');
  };
  const reload = async () => {
    generation += 1;
    const seen = headgate.events.length;
    headgate.configure(configuration());
    await headgate.event('config.reloaded', seen);
    headgate.events.length = 1;
    await pause(500);
  };

  before(async () => {
    nodes = await Promise.all(['a', 'b', 'c'].map((name) => NodeProcess.start(name)));
    echo = await echoServer();
    headgate = await HeadgateProcess.start(configuration());
  });

  after(async () => {
    await headgate?.stop();
    for (const node of nodes ?? []) await node.kill();
    echo?.close();
  });

  it('leaves memory, descriptors and in-flight counts where they were', async (t) => {
    const load = new Load(`http://127.0.0.1:${headgate.httpPort}/`, 8);
    const chores = [
      repeat(upload),
      repeat(webSocket),
      repeat(stream),
      repeat(reload),
      repeat(() => raw('GET / HTTP/1.1\r\nHost: t\r\n\r\n', 0)),
      repeat(() => raw('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\nhalf', 5)),
      repeat(() => raw('GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 5)),
    ];
    await pause(WARM_UP_SECONDS * 1000);
    const early = footprint(headgate.pid);
    await pause((SECONDS - WARM_UP_SECONDS) * 1000);
    const late = footprint(headgate.pid);
    stopping = true;
    await Promise.all(chores);
    const result = await load.stop();
    assert.deepEqual(result.failures, []);

    while ((await inflight()) > 0) await pause(50);
    await pause(2000);
    const idle = footprint(headgate.pid);
    const show = ({ resident, descriptors }: Footprint) =>
      `${(resident / MIB).toFixed(0)} MiB, ${descriptors} descriptors`;
    t.diagnostic(`${result.requests} GETs, ${generation} reloads`);
    t.diagnostic(`after ${WARM_UP_SECONDS} s: ${show(early)}; after ${SECONDS} s: ${show(late)}; idle: ${show(idle)}`);
    assert.ok(late.resident < early.resident * 1.25 + 20 * MIB, 'memory grows');
    assert.ok(idle.descriptors <= early.descriptors, 'descriptors are left open');
  });
});
