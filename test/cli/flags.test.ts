import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunOptions } from '../../src/cli/arguments.ts';
import { UsageError } from '../../src/cli/arguments.ts';
import { withFlags } from '../../src/cli/flags.ts';
import { documentFrom } from '../../src/config/document.ts';
import { HeadgateError } from '../../src/core/errors.ts';

const NONE: RunOptions = {
  file: undefined,
  listen: undefined,
  admin: undefined,
  workers: undefined,
  consul: undefined,
  autoRoute: undefined,
  registry: undefined,
  logLevel: undefined,
  accessLog: undefined,
};

describe('withFlags', () => {
  it('is enough without a file', () => {
    const document = withFlags(null, { ...NONE, consul: ['http://127.0.0.1:8500'] }, { CONSUL_HTTP_TOKEN: 'secret' });
    assert.deepEqual(document.discovery.consul?.servers, ['http://127.0.0.1:8500']);
    assert.equal(document.discovery.consul?.token, 'secret');
    assert.equal(document.discovery.consul?.stale, true);
    assert.deepEqual(document.listen, [{ address: '0.0.0.0:9080' }]);
  });

  it('decides what it names and leaves the rest to the file', () => {
    const file = documentFrom({
      listen: ['127.0.0.1:1'],
      workers: 4,
      log: { level: 'warn', access: 'stdout' },
      discovery: { ready_timeout: 3 },
    });
    const options = { ...NONE, workers: '2', logLevel: 'debug', consul: ['http://127.0.0.1:1'] };
    const document = withFlags(file, options, {});
    assert.equal(document.workers, 2);
    assert.deepEqual(document.listen, [{ address: '127.0.0.1:1' }]);
    assert.deepEqual(document.log, { level: 'debug', access: 'stdout' });
    assert.equal(document.discovery.ready_timeout, 3);
    assert.deepEqual(document.discovery.consul?.servers, ['http://127.0.0.1:1']);
  });

  it('leaves the rest of a block to the file as well', () => {
    const servers = ['http://consul.test:8500'];
    const file = documentFrom({ discovery: { consul: { servers, token: 'secret', stale: false } } });
    const { consul } = withFlags(file, { ...NONE, autoRoute: '{service}.test' }, {}).discovery;
    assert.deepEqual(consul, { ...file.discovery.consul, auto_route: '{service}.test' });
  });

  it('follows the embedded registry where no other server is named', () => {
    const flags = { ...NONE, registry: '127.0.0.1:8600', autoRoute: '{service}.test' };
    assert.deepEqual(withFlags(null, flags, {}).discovery.consul?.servers, ['http://127.0.0.1:8600']);
    const file = documentFrom({ registry: { address: '127.0.0.1:8700' } });
    const onFile = withFlags(file, { ...NONE, autoRoute: '{service}.test' }, {});
    assert.deepEqual(onFile.discovery.consul?.servers, ['http://127.0.0.1:8700']);
  });

  it('refuses what the configuration would refuse', () => {
    assert.throws(() => withFlags(null, { ...NONE, workers: 'many' }, {}), UsageError);
    assert.throws(() => withFlags(null, { ...NONE, workers: '0' }, {}), HeadgateError);
    assert.throws(() => withFlags(null, { ...NONE, logLevel: 'loud' }, {}), /log\.level/);
    assert.throws(() => withFlags(null, { ...NONE, consul: ['not a url'] }, {}), /discovery\.consul\.servers/);
    assert.throws(() => withFlags(null, { ...NONE, listen: ['nonsense'] }, {}), /listen/);
  });
});
