import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { CONSUL_COMMAND, consulBinary, startConsul } from '../support/consul.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { serverSuite } from '../support/server-suite.ts';

interface Entry {
  readonly Service: { readonly ID: string; readonly Port: number; readonly Tags: readonly string[] };
}

serverSuite('a gateway that registers itself in a real Consul', consulBinary(), CONSUL_COMMAND, (binary) => {
  it('passes its check when it is ready, comes back after an empty restart, and deregisters first of all', async () => {
    const consul = await startConsul(binary);
    const headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 1,
      discovery: { consul: { servers: [consul.address] } },
      register: { consul: { name: 'edge', address: '127.0.0.1', port: 9080, tags: ['edge'], check: { ttl: 1.5 } } },
      shutdown: { delay: 1.5, drain: 1 },
    });
    try {
      const passing = async () => (await consul.get('/v1/health/service/edge?passing=1')) as Entry[];
      while ((await passing()).length === 0) await pause(20);
      const [entry] = await passing();
      assert.deepEqual([entry?.Service.ID, entry?.Service.Tags], ['edge-127.0.0.1:9080', ['edge']]);
      await pause(3_000);
      assert.equal((await passing()).length, 1, 'the heartbeats keep the check alive');
      await consul.kill();
      await consul.restart();
      while ((await passing()).length === 0) await pause(50);
      headgate.signal('SIGTERM');
      await headgate.event('registration.ended');
      assert.deepEqual(await consul.get('/v1/health/service/edge'), []);
      assert.equal((await fetch(`http://127.0.0.1:${headgate.httpPort}/`)).status, 404, 'it still serves');
      assert.equal((await headgate.exited()).code, 0);
    } finally {
      await headgate.stop();
      await consul.stop();
    }
  });
});
