import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { EtcdDiscovery } from '../../src/discovery/etcd.ts';
import type { EtcdOptions } from '../../src/discovery/etcd-client.ts';
import { DEFAULT_ETCD } from '../support/discovery-defaults.ts';
import { Follower, reportTimes } from '../support/discovery-follower.ts';
import { ETCD_COMMAND, EtcdServer, etcdBinary } from '../support/etcd.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { serverSuite } from '../support/server-suite.ts';

const PREFIX = DEFAULT_ETCD.prefix;

serverSuite('a real etcd', etcdBinary(), ETCD_COMMAND, (binary) => {
  let etcd: EtcdServer;
  let follower: Follower;

  const follow = (options: Partial<EtcdOptions> = {}, emptyHold?: number) => {
    const log = new RecordingLog();
    const all = { ...DEFAULT_ETCD, servers: [etcd.address], ...options };
    const discovery = new EtcdDiscovery(all, { clock: systemClock, random: systemRandom }, log);
    return new Follower(discovery, log, emptyHold);
  };

  before(async () => {
    etcd = await EtcdServer.start(binary);
  });
  after(() => etcd?.stop());
  beforeEach(() => {
    follower = follow();
  });
  afterEach(() => follower.close());

  it('shows keys that are put and deleted', async (test) => {
    const web = follower.query('web');
    follower.sets.want([web]);
    await follower.count(web, 0);
    const up: number[] = [];
    const down: number[] = [];
    for (let round = 0; round < 10; round++) {
      let start = performance.now();
      await Promise.all([etcd.put(`${PREFIX}web/10.0.0.1:80`, '{"weight": 2}'), follower.count(web, 1)]);
      up.push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 250));
      start = performance.now();
      await Promise.all([etcd.delete(`${PREFIX}web/10.0.0.1:80`), follower.count(web, 0)]);
      down.push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    reportTimes(test, 'put → node set', up);
    reportTimes(test, 'delete → node set', down);
  });

  it('reads lists, and lists services with their tags', async () => {
    await etcd.put(`${PREFIX}shop`, '[{"targets": ["10.0.0.1:80"], "labels": {"headgate_host": "shop.test"}}]');
    await etcd.put(`${PREFIX}shop/10.0.0.2:80`, '');
    const shop = follower.query('shop');
    follower.sets.want([shop]);
    await follower.count(shop, 2);
    follower.catalogs.want(['etcd']);
    while (follower.catalogs.get('etcd')?.state !== 'ok') await new Promise((resolve) => setTimeout(resolve, 5));
    const entries = follower.catalogs.get('etcd')?.entries ?? [];
    assert.deepEqual(entries.find(({ service }) => service === 'shop')?.tags, ['headgate.host=shop.test']);
  });

  it('asks a silent watch anew and loses nothing, though what it saw last is compacted away', async () => {
    const short = follow({ watchTimeout: 500 });
    try {
      const web = short.query('quiet');
      short.sets.want([web]);
      await short.count(web, 0);
      for (let index = 1; index <= 8; index++) {
        await etcd.put(`${PREFIX}quiet/10.0.0.${index}:80`, '');
        // One revision that nobody watches is not enough: what is compacted must be newer than the next that is asked for.
        await etcd.put('/elsewhere', `${index}`);
        const answer = await etcd.put('/elsewhere', `${index}`);
        const { revision } = answer.header as { revision: string };
        await etcd.call('/v3/kv/compaction', { revision });
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      await short.count(web, 8);
      assert.deepEqual(
        short.log.names.filter((name) => name === 'discovery.source-lost'),
        [],
      );
    } finally {
      await short.close();
    }
  });

  it('keeps the nodes while etcd is gone, and sees what has changed when it is back', async () => {
    const web = follower.query('back');
    follower.sets.want([web]);
    for (const last of [1, 2]) await etcd.put(`${PREFIX}back/10.0.0.${last}:80`, '');
    await follower.count(web, 2);
    await etcd.kill();
    const stale = await follower.until(web, (set) => set.state === 'stale');
    assert.equal(stale.nodes.length, 2);
    assert.match(stale.reason ?? '', /etcd at http:\/\/127\.0\.0\.1:\d+ can't be asked/);
    await etcd.restart();
    await etcd.put(`${PREFIX}back/10.0.0.3:80`, '');
    await follower.count(web, 3);
  });

  it('holds back what an etcd without its data says', async () => {
    const held = follow({}, 3_000);
    try {
      const web = held.query('lost');
      held.sets.want([web]);
      for (const last of [1, 2]) await etcd.put(`${PREFIX}lost/10.0.0.${last}:80`, '');
      await held.count(web, 2);
      await etcd.restartEmpty();
      const set = await held.until(web, ({ state }) => state === 'held');
      assert.equal(set.nodes.length, 2);
      await held.count(web, 0);
    } finally {
      await held.close();
    }
  });

  it('logs in where etcd asks for it, and says so when it may not', async () => {
    await etcd.call('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await etcd.call('/v3/auth/role/add', { name: 'root' });
    await etcd.call('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await etcd.call('/v3/auth/user/add', { name: 'weak', password: 'weak' });
    await etcd.put(`${PREFIX}secured/10.0.0.1:80`, '');
    await etcd.call('/v3/auth/enable', {});
    const cases: [EtcdOptions['user'], RegExp | null][] = [
      [{ name: 'root', password: 'secret' }, null],
      [{ name: 'root', password: 'wrong' }, /it wants another user.*authentication failed/],
      [{ name: 'weak', password: 'weak' }, /the user may not read the prefix: .*permission denied/],
      [null, /it wants another user: set discovery\.etcd\.user and password.*user name is empty/],
    ];
    for (const [user, reason] of cases) {
      const each = follow({ user });
      try {
        const secured = each.query('secured');
        each.sets.want([secured]);
        if (reason === null) await each.count(secured, 1);
        else assert.match((await each.until(secured, ({ state }) => state === 'failed')).reason ?? '', reason);
      } finally {
        await each.close();
      }
    }
  });
});
