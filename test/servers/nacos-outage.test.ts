import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import type { Follower } from '../support/discovery-follower.ts';
import { NACOS_COMMAND, NacosServer, nacosHome } from '../support/nacos.ts';
import { followNacos as follow, nacosQuery as query } from '../support/nacos-follower.ts';
import { serverSuite } from '../support/server-suite.ts';

const POLL_MS = 200;

serverSuite('a real Nacos that goes away', nacosHome(), NACOS_COMMAND, (home) => {
  let nacos: NacosServer;
  let follower: Follower;

  before(async () => {
    nacos = await NacosServer.start(home);
  });
  after(() => nacos?.stop());
  beforeEach(async () => {
    follower = follow([nacos.address], { fetchInterval: POLL_MS }, 3_000);
    for (const port of [9000, 9001]) await nacos.register('web', port);
    follower.sets.want([query('web')]);
    await follower.count(query('web'), 2);
  });
  afterEach(() => follower.close());

  it('leaves the set as it was, is held when it comes back empty, and gives way after the hold', async () => {
    await nacos.kill();
    const stale = await follower.until(query('web'), (set) => set.state === 'stale');
    assert.equal(stale.nodes.length, 2);
    assert.match(stale.reason ?? '', /Nacos at http:\/\/127\.0\.0\.1:\d+: can't be asked/);
    await nacos.restartEmpty();
    const held = await follower.until(query('web'), (set) => set.state === 'held');
    assert.equal(held.nodes.length, 2);
    await follower.count(query('web'), 0);
  });

  it('leaves the set as it was, then follows the one that comes back full, pushes too', async () => {
    await nacos.kill();
    await follower.until(query('web'), (set) => set.state === 'stale');
    await nacos.restart();
    for (const port of [9000, 9001, 9002]) await nacos.register('web', port);
    await follower.count(query('web'), 3);
    await nacos.deregister('web', 9000);
    await follower.count(query('web'), 2);
  });
});
