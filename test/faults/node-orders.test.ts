/** What becomes of streams when an operator takes their node out, through the admin API of a gateway that runs. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { echo, TcpBackend, TcpClient, until } from '../support/tcp-backend.ts';

const KEY = 'key-of-an-operator';
/** On each of the two nodes: workers take turns by themselves, so it takes some for both to be in use. */
const STREAMS = 12;

describe('an order about a node with streams', { timeout: 60_000 }, () => {
  const policies = ['close', 'finish', 'spare'] as const;
  let nodes: TcpBackend[] = [];
  let ports: number[] = [];
  let headgate: HeadgateProcess;
  const clients: TcpClient[] = [];

  before(async () => {
    nodes = [await TcpBackend.start(named('a')), await TcpBackend.start(named('b'))];
    ports = await freePorts(policies.length);
    const onNodeGone = { close: 'close', finish: 'finish', spare: { close_after: 3600 } };
    headgate = await HeadgateProcess.start({
      listen: [],
      stream_listen: ports.map((port) => ({ address: `127.0.0.1:${port}` })),
      admin: { address: '127.0.0.1:0', key: KEY },
      workers: 2,
      shutdown: { delay: 0, drain: 0 },
      stream_routes: policies.map((policy, index) => ({
        id: policy,
        server_port: ports[index],
        upstream: {
          on_node_gone: onNodeGone[policy],
          nodes: Object.fromEntries(nodes.map(({ port }) => [`127.0.0.1:${port}`, 1])),
        },
      })),
    });
  });

  after(async () => {
    for (const { socket } of clients) socket.destroy();
    await headgate?.stop();
    await Promise.all(nodes.map((node) => node.close()));
  });

  const order = async (action: string, node = nodes[0]!) => {
    const answer = await fetch(`${headgate.adminUrl}/v1/nodes/${action}`, {
      method: 'POST',
      body: JSON.stringify({ node: `127.0.0.1:${node.port}` }),
      headers: { 'content-type': 'application/json', 'x-api-key': KEY },
    });
    assert.equal(answer.status, 200);
  };
  const stream = async (policy: (typeof policies)[number]) => {
    const client = await TcpClient.connect(ports[policies.indexOf(policy)]!);
    clients.push(client);
    await until(() => client.text.length === 1);
    return client;
  };
  /** Streams over one listener, by the node that they are on. */
  const streams = async (policy: (typeof policies)[number]) => {
    const all: TcpClient[] = [];
    for (let count = 0; count < STREAMS; count++) all.push(await stream(policy));
    return { onA: all.filter(({ text }) => text === 'a'), onB: all.filter(({ text }) => text === 'b') };
  };
  const talkOn = async (open: readonly TcpClient[]) => {
    for (const client of open) {
      const { length } = client.text;
      client.socket.write('x');
      await until(() => client.text.length > length || client.ending !== null);
      assert.equal(client.ending, null);
    }
  };

  it('disable cuts them as on_node_gone says, drain lets them finish, enable in time spares them', async () => {
    const [close, finish, spare] = [await streams('close'), await streams('finish'), await streams('spare')];
    for (const { onA, onB } of [close, finish, spare]) assert.ok(onA.length > 0 && onB.length > 0);
    const everything = [close, finish, spare].flatMap(({ onA, onB }) => [...onA, ...onB]);
    await order('drain');
    for (const policy of policies) assert.equal((await stream(policy)).text, 'b', 'a drained node takes nothing new');
    await talkOn(everything);
    await order('disable');
    await until(() => close.onA.every(({ ending }) => ending === 'ECONNRESET'));
    await talkOn([...close.onB, ...finish.onA, ...finish.onB, ...spare.onA, ...spare.onB]);
    for (const policy of policies) assert.equal((await stream(policy)).text, 'b');
    await order('enable');
    const again = await streams('close');
    assert.ok(again.onA.length > 0, 'it takes new ones again');
    await talkOn([...again.onA, ...spare.onA]);
  });

  it('a node that is the only one left is closed to its streams all the same', async () => {
    const { onA, onB } = await streams('close');
    for (const node of nodes) await order('disable', node);
    await until(() => [...onA, ...onB].every(({ ending }) => ending === 'ECONNRESET'));
    for (const node of nodes) await order('enable', node);
    assert.ok(['a', 'b'].includes((await stream('close')).text));
  });
});

/** Says its name, and then echoes. */
function named(name: string): Parameters<typeof TcpBackend.start>[0] {
  return (socket) => {
    socket.write(name);
    echo(socket);
  };
}
