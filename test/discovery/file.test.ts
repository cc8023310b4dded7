import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { FileDiscovery } from '../../src/discovery/file.ts';
import type { Node } from '../../src/discovery/types.ts';
import { Follower } from '../support/discovery-follower.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/sink.ts';

describe('the file registry', { timeout: 60_000 }, () => {
  let parent: string;
  let path: string;
  let follower: Follower;

  const file = (name: string) => join(path, name);
  const hosts = (nodes: readonly Node[]) => nodes.map((node) => node.host);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const follow = (interval: number, emptyHold?: number) => {
    const log = new RecordingLog();
    const tools = { clock: systemClock, random: systemRandom };
    return new Follower(new FileDiscovery({ path, defaultWeight: 1, interval }, tools, log), log, emptyHold);
  };

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'headgate-file-'));
    path = join(parent, 'nodes');
    mkdirSync(path);
    follower = follow(60_000);
  });
  afterEach(async () => {
    await follower.close();
    rmSync(parent, { recursive: true });
  });

  it('follows YAML and JSON files as they come, change and go', async () => {
    const [web, api] = [follower.query('web'), follower.query('api')];
    follower.sets.want([web, api]);
    await follower.count(web, 0);
    writeFileSync(file('web.yaml'), '- targets: ["10.0.0.1:80"]\n  labels: { zone: a, weight: 4 }\n');
    assert.deepEqual((await follower.count(web, 1)).nodes[0], {
      host: '10.0.0.1',
      port: 80,
      weight: 4,
      priority: 0,
      metadata: { zone: 'a' },
      tags: [],
    });
    writeFileSync(file('api.json'), JSON.stringify([{ targets: ['10.0.1.1:80', '10.0.1.2:80'] }]));
    await follower.count(api, 2);
    writeFileSync(file('web.yaml.new'), '- 10.0.0.2:80\n- 10.0.0.3:80\n');
    renameSync(file('web.yaml.new'), file('web.yaml'));
    assert.deepEqual(hosts((await follower.count(web, 2)).nodes), ['10.0.0.2', '10.0.0.3']);
    rmSync(file('web.yaml'));
    await follower.count(web, 0);
    assert.equal(follower.sets.get(api)?.nodes.length, 2);
  });

  it('holds back the end of a large service', async () => {
    const web = follower.query('web');
    follower.sets.want([web]);
    const targets = Array.from({ length: 8 }, (_, index) => `10.0.0.${index + 1}:80`);
    writeFileSync(file('web.json'), JSON.stringify(targets));
    await follower.count(web, 8);
    rmSync(file('web.json'));
    const held = await follower.until(web, (set) => set.state === 'held');
    assert.equal(held.nodes.length, 8);
    assert.match(held.reason ?? '', /8 → 0 nodes in one step/);
  });

  it('keeps what it knew of a file that can’t be read, and says where the mistake is', async () => {
    const web = follower.query('web');
    follower.sets.want([web]);
    writeFileSync(file('web.yaml'), '- 10.0.0.1:80\n');
    await follower.count(web, 1);
    for (const text of ['', '- targets: [', '[]]', '- nonsense\n', '- host: a\n  port: 0\n']) {
      writeFileSync(file('web.yaml'), text);
      const stale = await follower.until(web, (set) => set.state === 'stale');
      assert.deepEqual(hosts(stale.nodes), ['10.0.0.1']);
      assert.match(stale.reason ?? '', /web\.yaml can't be used: |there is no node that can be used: /);
      writeFileSync(file('web.yaml'), '- 10.0.0.1:80\n');
      await follower.count(web, 1);
    }
  });

  it('never applies a file while it is being written', async () => {
    const sink = new RecordingSink<Node>();
    const tools = { clock: systemClock, random: systemRandom };
    const discovery = new FileDiscovery({ path, defaultWeight: 1, interval: 60_000 }, tools, new RecordingLog());
    const abort = new AbortController();
    writeFileSync(file('web.yaml'), '- 10.0.0.1:80\n');
    const running = discovery.watch({ source: 'file', service: 'web', args: {} }, sink, abort.signal);
    try {
      assert.deepEqual(hosts(await sink.nextSet()), ['10.0.0.1']);
      writeFileSync(file('web.yaml'), '');
      for (let index = 1; index <= 20; index++) {
        appendFileSync(file('web.yaml'), `- 10.0.1.${index}:80\n`);
        await pause(20);
      }
      const seen: number[] = [];
      while (seen.at(-1) !== 20) seen.push((await sink.nextSet()).length);
      assert.deepEqual(
        seen.filter((count) => count !== 1 && count !== 20),
        [],
      );
    } finally {
      abort.abort();
      await running;
    }
  });

  it('does not let a file that is always being written keep the others waiting', async () => {
    const web = follower.query('web');
    follower.sets.want([web]);
    await follower.count(web, 0);
    const timer = setInterval(() => appendFileSync(file('busy.yaml'), '- 10.0.1.1:80\n'), 5);
    try {
      writeFileSync(file('web.yaml'), '- 10.0.0.1:80\n');
      await follower.count(web, 1);
    } finally {
      clearInterval(timer);
    }
  });

  it('follows a mounted ConfigMap, where a link is turned to another directory', async () => {
    for (const [version, host] of [
      ['v1', '10.0.0.1'],
      ['v2', '10.0.0.2'],
    ] as const) {
      mkdirSync(file(version));
      writeFileSync(join(file(version), 'web.yaml'), `- ${host}:80\n`);
    }
    symlinkSync('v1', file('..data'));
    symlinkSync('..data/web.yaml', file('web.yaml'));
    const web = follower.query('web');
    follower.sets.want([web]);
    assert.deepEqual(hosts((await follower.count(web, 1)).nodes), ['10.0.0.1']);
    symlinkSync('v2', file('..data_tmp'));
    renameSync(file('..data_tmp'), file('..data'));
    await follower.until(web, (set) => set.nodes[0]?.host === '10.0.0.2');
  });

  it('says so when the directory is away, and finds the one that comes back', async () => {
    const polling = follow(100);
    try {
      const web = polling.query('web');
      writeFileSync(file('web.yaml'), '- 10.0.0.1:80\n');
      polling.sets.want([web]);
      await polling.count(web, 1);
      rmSync(path, { recursive: true });
      const stale = await polling.until(web, (set) => set.state === 'stale');
      assert.equal(stale.nodes.length, 1);
      assert.match(stale.reason ?? '', /the directory .*nodes can't be read: ENOENT/);
      mkdirSync(path);
      writeFileSync(file('web.yaml'), '- 10.0.0.1:80\n- 10.0.0.2:80\n');
      await polling.count(web, 2);
      writeFileSync(file('web.yaml'), '- 10.0.0.3:80\n');
      await polling.count(web, 1);
    } finally {
      await polling.close();
    }
  });

  it('joins the files of one service, and passes over others', async () => {
    writeFileSync(file('web.yaml'), '- 10.0.0.1:80\n');
    writeFileSync(file('web.json'), '["10.0.0.2:80", "10.0.0.x:80:80"]');
    for (const name of ['.web.yaml', 'web.yaml~', 'web.txt', 'README']) writeFileSync(file(name), '- 10.0.9.9:80\n');
    mkdirSync(file('dir.yaml'));
    const web = follower.query('web');
    follower.sets.want([web]);
    await follower.count(web, 2);
    follower.catalogs.want(['file']);
    while (follower.catalogs.get('file')?.state !== 'ok') await pause(5);
    assert.deepEqual(follower.catalogs.get('file')?.entries, [{ service: 'web', tags: [] }]);
    assert.match(
      follower.log.events.find(({ event }) => event === 'discovery.unusable-instance')!.message,
      /10\.0\.0\.x/,
    );
  });

  it('lists what labels say of routes, also while a file can’t be read', async () => {
    const entries = () => follower.catalogs.get('file')?.entries;
    writeFileSync(file('shop.yaml'), '- targets: ["10.0.0.1:80"]\n  labels: { headgate_host: shop.test }\n');
    follower.catalogs.want(['file']);
    const shop = follower.query('shop');
    follower.sets.want([shop]);
    await follower.count(shop, 1);
    const listed = [{ service: 'shop', tags: ['headgate.host=shop.test'] }];
    assert.deepEqual(entries(), listed);
    writeFileSync(file('shop.yaml'), '- targets: [');
    await follower.until(shop, (set) => set.state === 'stale');
    assert.deepEqual(entries(), listed);
  });

  it('takes no filters', async () => {
    const filtered = follower.query('web', { tag: 'x' });
    follower.sets.want([filtered]);
    const set = await follower.until(filtered, ({ state }) => state === 'failed');
    assert.match(set.reason ?? '', /discovery_args\.tag is not known: there are none for file/);
  });
});
