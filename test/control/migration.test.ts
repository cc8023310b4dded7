import assert from 'node:assert/strict';
import { it } from 'node:test';
import { freePorts } from '../support/free-port.ts';
import { Migration } from '../support/migration.ts';

it('moves a service from the embedded registry to files without a failed request', { timeout: 60_000 }, async () => {
  const [port] = await freePorts(1);
  const migration = await Migration.start(`http://127.0.0.1:${port}`, { registry: { address: `127.0.0.1:${port}` } });
  try {
    await migration.untilNodes('a 1 consul: web', 'b 1 consul: web');
    // The directory is not there for the service yet: its nodes come from the registry alone.
    assert.deepEqual([...(await migration.standby())].sort(), ['a', 'b']);

    await migration.write('$a: 3');
    await migration.untilNodes('a 3 file: web', 'b 1 consul: web');
    assert.deepEqual(await migration.moves('a'), ['consul: web → file: web']);
    await migration.untilSources('file ok 1', 'consul ok 2');

    await migration.write('$a: 3', '$b: 1', '$c: 1');
    await migration.untilNodes('a 3 file: web', 'b 1 file: web', 'c 1 file: web');
    await migration.deregister('a');
    await migration.deregister('b');
    await migration.untilSources('file ok 3', 'consul ok 0');
    await migration.untilNodes('a 3 file: web', 'b 1 file: web', 'c 1 file: web');
    assert.deepEqual([...(await migration.standby())], ['c'], 'the fallback serves when the others are gone');
  } finally {
    await migration.stop();
  }
});
