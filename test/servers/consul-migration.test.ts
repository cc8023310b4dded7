import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { CONSUL_COMMAND, type ConsulServer, consulBinary, startConsul } from '../support/consul.ts';
import { Migration } from '../support/migration.ts';
import { serverSuite } from '../support/server-suite.ts';

serverSuite('a service on its way from a real Consul to files', consulBinary(), CONSUL_COMMAND, (binary) => {
  let consul: ConsulServer;
  let migration: Migration;

  before(async () => {
    consul = await startConsul(binary);
    migration = await Migration.start(consul.address, {});
  });
  after(async () => {
    await migration?.stop();
    await consul?.stop();
  });

  it('is served from both, and each node described by the first source that has it', async () => {
    await migration.untilNodes('a 1 consul: web', 'b 1 consul: web');
    await migration.write('$a: 3');
    await migration.untilNodes('a 3 file: web', 'b 1 consul: web');
    assert.deepEqual(await migration.moves('a'), ['consul: web → file: web']);
  });

  it('goes on with what both know while Consul is away, and says which source that is', async () => {
    await consul.kill();
    const lost = await migration.untilSources('file ok 1', 'consul stale 2');
    assert.equal(lost.state, 'stale');
    assert.match(lost.reason ?? '', /can't be asked/);
    await migration.write('$a: 3', '$b: 2');
    await migration.untilNodes('a 3 file: web', 'b 2 file: web');
    assert.deepEqual(await migration.moves('b'), ['consul: web → file: web']);

    await consul.restart();
    const held = await migration.untilSources('file ok 2', 'consul held 2');
    assert.equal(held.state, 'held');
    await migration.untilNodes('a 3 file: web', 'b 2 file: web');
  });
});
