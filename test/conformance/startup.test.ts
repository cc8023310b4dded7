import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { Gateway } from '../../src/control/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { encodeLastGood } from '../../src/discovery/last-good-format.ts';
import { node } from '../support/nodes.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { KINDS } from './kinds.ts';
import type { FakeRegistry, Place, RegistryKind } from './registry.ts';

/** So long that nobody becomes ready by waiting. */
const NEVER = 100_000;

/** An HTTP server that answers with a text. */
async function backend(answer: string) {
  const server = createServer((_, response) => response.end(answer)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, place: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } };
}

for (const kind of KINDS) {
  describe(`a start while ${kind.type} is down`, { timeout: 120_000 }, () => {
    let old: Awaited<ReturnType<typeof backend>>;
    let current: Awaited<ReturnType<typeof backend>>;
    let registry: FakeRegistry;
    let stateDirectory: string;
    let gateway: Gateway;
    let log: RecordingLog;

    before(async () => {
      [old, current] = [await backend('old'), await backend('current')];
    });
    after(() => {
      for (const { server } of [old, current]) server.close().closeAllConnections();
    });

    beforeEach(async () => {
      log = new RecordingLog();
      stateDirectory = mkdtempSync(join(tmpdir(), 'headgate-start-'));
      registry = await kind.start();
      registry.put([current.place]);
      await registry.break('refused');
    });
    afterEach(async () => {
      await gateway.close(systemClock.now() + 5_000);
      await registry.close();
      rmSync(stateDirectory, { recursive: true });
    });

    async function start(readyTimeout: number): Promise<void> {
      const document = documentFrom(documentOf(kind, registry, readyTimeout));
      const tools = { clock: systemClock, random: systemRandom, log };
      gateway = await Gateway.start({ document, stateDirectory, version: 'test', ...tools });
    }

    async function request(): Promise<string> {
      const response = await fetch(`http://127.0.0.1:${gateway.addresses.http[0]?.port}/`);
      const text = await response.text();
      return response.ok ? text : `${response.status} ${text}`;
    }

    async function answered(wanted: string): Promise<void> {
      while ((await request()) !== wanted) await pause(20);
      const [upstream] = gateway.views.upstreams();
      assert.deepEqual([upstream?.state, upstream?.cached, upstream?.reason], ['ok', false, null]);
    }

    const faults = () => log.events.filter(({ level, event }) => level === 'error' || event.startsWith('worker.'));

    it('serves at once from the last good nodes, is ready, and goes over to the registry when it is there', async () => {
      remember(stateDirectory, kind, registry.service, old.place);
      await start(NEVER);
      assert.equal(await request(), 'old');
      assert.deepEqual(gateway.views.ready(), { ready: true, reasons: [] });
      const [upstream] = gateway.views.upstreams();
      assert.equal(upstream?.cached, true);
      await registry.mend();
      await answered('current');
      assert.deepEqual(faults(), []);
    });

    it('answers 503 and says why where nothing is remembered, and is ready when the registry is there', async () => {
      await start(NEVER);
      while (gateway.views.upstreams()[0]?.state !== 'failed') await pause(10);
      assert.match(await request(), /^503 /);
      assert.match(gateway.views.upstreams()[0]?.reason ?? '', /\S/);
      const { ready, reasons } = gateway.views.ready();
      assert.equal(ready, false);
      assert.match(reasons.join(), new RegExp(`no answer yet for .*${kind.type}/${registry.service}`));
      await registry.mend();
      await answered('current');
      while (!gateway.views.ready().ready) await pause(20);
      assert.deepEqual(faults(), []);
    });

    it('is ready without the registry where it is told not to wait for it', async () => {
      await start(0);
      assert.deepEqual(gateway.views.ready(), { ready: true, reasons: [] });
      assert.match(await request(), /^503 /);
    });
  });
}

function documentOf(kind: RegistryKind, registry: FakeRegistry, readyTimeout: number): DocumentInput {
  return {
    listen: ['127.0.0.1:0'],
    admin: { address: '127.0.0.1:0' },
    workers: 1,
    discovery: { ready_timeout: readyTimeout, ...registry.block },
    upstreams: [{ id: 'web', service_name: registry.service, discovery_type: kind.type as 'consul' }],
    routes: [{ id: 'all', uri: '/*', upstream_id: 'web' }],
  };
}

/** What an earlier run has left. */
function remember(directory: string, { type }: RegistryKind, service: string, { host, port }: Place): void {
  const at = systemClock.wall() - 60_000;
  const sets = [{ query: { source: type, service, args: {} }, nodes: [node(host, port)], at }];
  const content = { sets, catalog: { entries: [{ service: 'web', tags: [] }], at } };
  writeFileSync(join(directory, `discovery-${type}.json`), encodeLastGood(content));
}
