import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { UpstreamView } from '../../src/admin/views.ts';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { Load } from '../support/load.ts';
import { NodeProcess } from '../support/node-process.ts';
import { echoServer } from '../support/tcp-echo.ts';

const RELOADS = 100;

/** An echo over one open connection. */
async function echoes(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

async function webSocketAnswer(socket: WebSocket, text: string): Promise<string> {
  socket.send(text);
  const [data] = (await once(socket, 'message')) as [Buffer];
  return data.toString();
}

describe(`a reload that changes one route, ${RELOADS} times under load`, () => {
  let nodes: NodeProcess[];
  let echo: Awaited<ReturnType<typeof echoServer>>;
  let headgate: HeadgateProcess;
  let deadPort: number;

  const configuration = (generation: number) => ({
    listen: ['127.0.0.1:0'],
    stream_listen: [{ address: '127.0.0.1:0' }],
    admin: { address: '127.0.0.1:0' },
    workers: 2,
    shutdown: { delay: 0, drain: 1 },
    upstreams: [
      {
        id: 'web',
        type: 'least_conn',
        nodes: Object.fromEntries([...nodes.map(({ port }) => port), deadPort].map((port) => [`127.0.0.1:${port}`, 1])),
        checks: {
          active: {
            type: 'tcp',
            healthy: { interval: 0.2, successes: 1 },
            unhealthy: { interval: 0.2, tcp_failures: 1 },
          },
        },
      },
      { id: 'echo', nodes: { [`127.0.0.1:${echo.port}`]: 1 } },
    ],
    routes: [
      { id: 'web', uri: '/*', upstream_id: 'web' },
      { id: 'unrelated', uri: `/generation-${generation}`, host: 'unrelated.example', upstream_id: 'web' },
    ],
    stream_routes: [{ id: 'echo', upstream_id: 'echo' }],
  });
  const view = async (id: string) =>
    (await headgate.admin<UpstreamView[]>('/v1/upstreams')).find((upstream) => upstream.id === id)!;

  before(async () => {
    nodes = await Promise.all(['a', 'b'].map((name) => NodeProcess.start(name)));
    echo = await echoServer();
    [deadPort = 0] = await freePorts(1);
    headgate = await HeadgateProcess.start(configuration(0));
  });

  after(async () => {
    await headgate?.stop();
    for (const node of nodes ?? []) await node.kill();
    echo?.close();
  });

  it('fails no request, cuts no stream, and keeps health and counts', async () => {
    while (!(await view('web')).nodes.every((node) => node.health !== 'unknown')) await pause(20);
    const webSocket = new WebSocket(`ws://127.0.0.1:${headgate.httpPort}/socket`);
    await once(webSocket, 'open');
    const stream = connect(headgate.tcpPort, '127.0.0.1');
    assert.equal(await echoes(stream, 'before'), 'before');
    const countsBefore = (await view('web')).nodes.map((node) => node.requests);

    const load = new Load(`http://127.0.0.1:${headgate.httpPort}/`, 16);
    const verdicts: string[] = [];
    for (let generation = 1; generation <= RELOADS; generation++) {
      const seen = headgate.events.length;
      headgate.configure(configuration(generation));
      headgate.signal('SIGHUP');
      await headgate.event('config.reloaded', seen);
      await load.more(20);
      verdicts.push((await view('web')).nodes.map((node) => node.health).join());
    }
    const result = await load.stop();

    assert.deepEqual(result.failures, []);
    assert.deepEqual([...new Set(verdicts)], ['healthy,healthy,unhealthy']);
    assert.match(await webSocketAnswer(webSocket, 'after'), /^[ab]:after$/);
    assert.equal(await echoes(stream, 'after'), 'after');
    const during = (await view('web')).nodes;
    assert.equal(
      during.reduce((sum, node) => sum + node.inflight, 0),
      1,
      'the WebSocket is counted, and nothing else is left',
    );
    for (const [index, node] of during.entries()) {
      assert.ok(node.requests.success! >= countsBefore[index]!.success!, 'a count ran backwards');
    }
    assert.equal(await headgate.metric('headgate_config_last_reload_successful'), 1);

    webSocket.terminate();
    stream.destroy();
    while ((await view('web')).nodes.some((node) => node.inflight > 0)) await pause(10);
    while ((await view('echo')).nodes.some((node) => node.inflight > 0)) await pause(10);
  });

  it('never applies a file that is still being written', async () => {
    const text = JSON.stringify(configuration(0));
    const load = new Load(`http://127.0.0.1:${headgate.httpPort}/`, 4);
    for (let round = 0; round < 10; round++) {
      const seen = headgate.events.length;
      // The first half is valid YAML of its own: a configuration without routes.
      headgate.configure('workers: 2\n');
      headgate.signal('SIGHUP');
      await pause(10);
      headgate.configure(text);
      await headgate.event('config.reloaded', seen);
    }
    assert.deepEqual((await load.stop()).failures, []);
  });

  it('refuses a bad file, changes nothing, and says so', async () => {
    const seen = headgate.events.length;
    headgate.configure('routes:\n  - id: broken\n    uris: ["/x"]\n    upstreem_id: web\n');
    const refused = await headgate.event('config.refused', seen);
    assert.match(refused.message, /headgate\.yaml:4:5: routes\[0\]\.upstreem_id: .*upstream_id/);
    assert.doesNotMatch(refused.message, /\n\s+at /);
    assert.equal(await headgate.metric('headgate_config_last_reload_successful'), 0);
    assert.equal((await fetch(`http://127.0.0.1:${headgate.httpPort}/`)).status, 200);

    const emptied = headgate.events.length;
    headgate.configure('');
    assert.match((await headgate.event('config.refused', emptied)).message, /the file is empty/);
    assert.equal((await fetch(`http://127.0.0.1:${headgate.httpPort}/`)).status, 200);

    const before = headgate.events.length;
    headgate.configure(configuration(1));
    await headgate.event('config.reloaded', before);
    assert.equal(await headgate.metric('headgate_config_last_reload_successful'), 1);
  });
});
