import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { HeadgateProcess } from '../support/headgate.ts';
import { IdleClients, relayable } from '../support/idle-clients.ts';
import { NodeProcess } from '../support/node-process.ts';
import { settledBytes } from '../support/resident-memory.ts';

const STREAMS = 10_000;
const LIMIT = 12_000;

describe('memory of idle streams', {
  skip: process.platform === 'linux' ? false : 'reads /proc: run it on Linux',
}, () => {
  let node: NodeProcess;
  let headgate: HeadgateProcess;

  const settled = async (inflight: number): Promise<number> => {
    for (;;) {
      const [upstream] = await headgate.admin<{ nodes: { inflight: number }[] }[]>('/v1/upstreams');
      if (upstream!.nodes[0]!.inflight === inflight) break;
      await pause(100);
    }
    return settledBytes(headgate.pid);
  };

  before(async () => {
    node = await NodeProcess.start('node');
    headgate = await HeadgateProcess.start({
      listen: [],
      stream_listen: [{ address: '127.0.0.1:0' }],
      admin: { address: '127.0.0.1:0' },
      workers: 1,
      shutdown: { delay: 0, drain: 0 },
      stream_routes: [{ id: 'r', upstream: { nodes: { [`127.0.0.1:${node.port}`]: 1 } } }],
    });
    await (await IdleClients.open(headgate.tcpPort, 500)).close();
  });

  after(async () => {
    await headgate?.stop();
    await node?.kill();
  });

  it(`keeps ${STREAMS}, or as many as there are descriptors for, for less than ${LIMIT} bytes each`, async (t) => {
    const idle = await settled(0);
    const streams = relayable(STREAMS);
    const clients = await IdleClients.open(headgate.tcpPort, streams);
    const each = ((await settled(streams)) - idle) / streams;
    t.diagnostic(`${Math.round(each)} bytes for each of ${streams} relayed connections`);
    assert.equal(await clients.count(), streams, 'all are open still');
    await clients.close();
    assert.ok(each < LIMIT, `${each} bytes each`);
    await settled(0);
  });
});
