import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import { Gateway } from '../../src/control/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { HttpBackend } from '../support/http-backend.ts';
import { RecordingLog } from '../support/recording-log.ts';

it('an operator’s order takes a node out at once, and survives reloads and restarts', {
  timeout: 60_000,
}, async (t) => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'headgate-test-'));
  const backends = [await HttpBackend.start(), await HttpBackend.start()];
  const [first, second] = backends.map(({ address }) => `${address.host}:${address.port}`) as [string, string];
  const log = new RecordingLog();
  const document = documentFrom({
    listen: ['127.0.0.1:0'],
    admin: { address: '127.0.0.1:0' },
    workers: 1,
    routes: [{ id: 'r', uri: '/*', upstream_id: 'u' }],
    upstreams: [{ id: 'u', nodes: { [first]: 1, [second]: 1 } }],
  });
  const start = () =>
    Gateway.start({ document, stateDirectory, version: 'test', clock: systemClock, random: systemRandom, log });
  let gateway = await start();
  t.after(async () => {
    await gateway.close(systemClock.now());
    for (const backend of backends) await backend.close();
    rmSync(stateDirectory, { recursive: true });
  });
  const order = (node: string, state: 'drain' | 'enable') =>
    gateway.views.order({ upstream: 'u', node, metadata: null, state, weight: null, reason: 'test' });
  const served = async (count: number) => {
    const before = backends.map(({ requests }) => requests.length);
    for (let request = 0; request < count; request++) {
      const answer = await fetch(`http://127.0.0.1:${gateway.addresses.http[0]!.port}/`);
      assert.equal(answer.status, 200);
      await answer.arrayBuffer();
    }
    return backends.map(({ requests }, index) => requests.length - before[index]!);
  };
  const applied = async () => {
    // A patch is on its way to the worker for as long as a message takes.
    while ((await served(2))[0]! > 0);
  };
  assert.deepEqual(await served(4), [2, 2]);
  assert.deepEqual(order(first, 'drain'), [{ upstream: 'u', node: first }]);
  await applied();
  assert.deepEqual(await served(4), [0, 4]);
  assert.deepEqual(gateway.views.upstreams()[0]!.nodes[0]!.override?.state, 'drain');
  gateway.reload(document);
  assert.deepEqual(await served(4), [0, 4]);
  await gateway.close(systemClock.now() + 5000);
  assert.match(readFileSync(join(stateDirectory, 'overrides.json'), 'utf8'), /"drain"/);
  gateway = await start();
  assert.deepEqual(await served(4), [0, 4]);
  order(first, 'enable');
  while ((await served(2))[0] === 0);
  assert.deepEqual(gateway.views.orders(), []);
  await gateway.close(systemClock.now() + 5000);
  writeFileSync(join(stateDirectory, 'overrides.json'), '{"format": 7');
  gateway = await start();
  assert.equal(log.names.filter((name) => name === 'overrides.ignored').length, 1);
  assert.deepEqual(await served(4), [2, 2]);
});
