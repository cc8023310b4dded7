import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRegistration } from '../../src/registry/decode.ts';
import { decodeCheckRegistration } from '../../src/registry/decode-check.ts';
import { encodeCheck, encodeService } from '../../src/registry/encode.ts';
import { Fields } from '../../src/registry/fields.ts';
import { RequestError } from '../../src/registry/request-error.ts';

test('a registration that cannot be used names the field', () => {
  const check = (fields: object) => ({ Name: 'a', Check: fields });
  const table: [unknown, RegExp][] = [
    [undefined, /body must be a JSON object/],
    [[], /body must be a JSON object, not a list/],
    ['text', /not a string/],
    [{}, /Missing service name/],
    [{ Name: 7 }, /Name must be a string, not a number/],
    [{ Name: 'a', Port: '80' }, /Port must be a number, not a string/],
    [{ Name: 'a', Port: 65_536 }, /Port must be a whole number from 0 to 65535/],
    [{ Name: 'a', Port: -1 }, /Port/],
    [{ Name: 'a', Port: 1.5 }, /Port/],
    [{ Name: 'a', Address: 'a b' }, /Address/],
    [{ Name: 'a', Tags: 'x' }, /Tags must be a list/],
    [{ Name: 'a', Tags: [1] }, /Tags must hold strings only/],
    [{ Name: 'a', Meta: ['x'] }, /Meta must be an object/],
    [{ Name: 'a', Meta: { k: 1 } }, /Meta\.k must be a string/],
    [{ Name: 'a', Meta: { 'a.b': 'x' } }, /Meta key "a\.b"/],
    [{ Name: 'a', Meta: { k: 'x'.repeat(513) } }, /512/],
    [{ Name: 'a', Weights: 3 }, /Weights must be a JSON object/],
    [{ Name: 'a', Weights: { Passing: 0 } }, /Weights\.Passing/],
    [{ Name: 'a', TaggedAddresses: { lan: { Port: 'x' } } }, /TaggedAddresses\.lan\.Port/],
    [{ Name: 'a', Checks: {} }, /Checks must be a list/],
    [{ Name: 'a', Checks: [{ TTL: '1s' }, { TTL: '10' }] }, /Checks\[1\]\.TTL: "10" is not a duration/],
    [check({}), /Check\.TTL: a check needs one of/],
    [check({ TTL: true }), /Check\.TTL must be a duration/],
    [check({ TTL: '1s', HTTP: 'http://a', Interval: '1s' }), /only one of/],
    [check({ HTTP: 'http://a' }), /Check\.Interval must be set/],
    [check({ HTTP: 'ftp://a', Interval: '1s' }), /Check\.HTTP: "ftp:\/\/a"/],
    [check({ HTTP: 'http://a', Interval: '1s', Method: 'G T' }), /Check\.Method/],
    [check({ HTTP: 'http://a', Interval: '1s', Header: { 'a b': ['x'] } }), /Check\.Header/],
    [check({ HTTP: 'http://a', Interval: '1s', Header: { a: ['x\r\ny: 1'] } }), /Check\.Header/],
    [check({ TCP: 'nope', Interval: '1s' }), /Check\.TCP: "nope" is not host:port/],
    [check({ TTL: '1s', Status: 'fine' }), /Check\.Status/],
    [check({ GRPC: 'a:1', Interval: '1s' }), /Check\.GRPC is not supported/],
    [check({ Args: ['sh'], Interval: '1s' }), /Check\.Args is not supported/],
    [
      {
        Name: 'a',
        Checks: [
          { CheckID: 'x', TTL: '1s' },
          { CheckID: 'x', TTL: '1s' },
        ],
      },
      /the same CheckID/,
    ],
  ];
  for (const [body, message] of table) {
    assert.throws(
      () => decodeRegistration(body),
      (error) => error instanceof RequestError && error.status === 400 && message.test(error.message),
      JSON.stringify(body),
    );
  }
});

test('names of fields match in any case and with underscores; unknown ones are accepted', () => {
  const { service, checks } = decodeRegistration({
    name: 'a',
    enable_tag_override: true,
    check: { ttl: '10s', deregister_critical_service_after: '1m', check_id: 'mine' },
    Connect: { Native: true },
    Tags: null,
  });
  assert.equal(service.enableTagOverride, true);
  assert.deepEqual(service.tags, []);
  assert.equal(checks[0]?.id, 'mine');
  assert.equal(checks[0]?.deregisterAfter, 60_000);
});

test('checks get the ids and names that Consul gives', () => {
  const one = decodeRegistration({ ID: 'a-1', Name: 'a', Check: { TTL: '1s' } });
  assert.deepEqual(
    one.checks.map(({ id, name }) => [id, name]),
    [['service:a-1', "Service 'a' check"]],
  );
  const two = decodeRegistration({ Name: 'a', Checks: [{ TTL: '1s', CheckID: 'x', Name: 'y' }, { TTL: '1s' }] });
  assert.deepEqual(
    two.checks.map(({ id, name }) => [id, name]),
    [
      ['x', 'y'],
      ['service:a:2', "Service 'a' check"],
    ],
  );
});

test('durations may be nanoseconds, short intervals become a second, and long ones fit a timer', () => {
  const { checks } = decodeRegistration({
    Name: 'a',
    Checks: [{ TTL: 10_000_000_000 }, { TCP: 'a:1', Interval: '10ms', DeregisterCriticalServiceAfter: '9000h' }],
  });
  assert.deepEqual(checks[0]?.source, { kind: 'ttl', ttl: 10_000 });
  assert.deepEqual(checks[1]?.source, { kind: 'tcp', target: 'a:1', interval: 1_000, timeout: 0 });
  assert.ok((checks[1]?.deregisterAfter ?? 0) < 2 ** 31);
});

test('a check for the node is refused with the reason', () => {
  assert.throws(() => decodeCheckRegistration(new Fields({ Name: 'x', TTL: '1s' }, '')), /ServiceID is missing/);
  assert.throws(() => decodeCheckRegistration(new Fields({ TTL: '1s', ServiceID: 'a' }, '')), /Missing check name/);
});

test('what is encoded for the disk is decoded to the same', () => {
  const body = {
    ID: 'a-1',
    Name: 'a',
    Address: '10.0.0.1',
    Port: 80,
    Tags: ['x', 'y'],
    Meta: { k: 'v' },
    Weights: { Passing: 10, Warning: 2 },
    TaggedAddresses: { lan: { Address: '10.0.0.2', Port: 81 } },
    EnableTagOverride: true,
    Checks: [
      { TTL: '90s', Status: 'warning', Notes: 'n', DeregisterCriticalServiceAfter: '1h' },
      {
        HTTP: 'https://a/x',
        Interval: '10s',
        Timeout: '1500ms',
        Method: 'POST',
        Header: { Accept: ['a', 'b'] },
        Body: '{}',
        TLSSkipVerify: true,
        Status: 'critical',
      },
      { TCP: 'a:1', Interval: '2s', FailuresBeforeCritical: 3, SuccessBeforePassing: 2, Status: 'critical' },
    ],
  };
  const { service, checks } = decodeRegistration(body);
  const encoded = checks.map((definition) => {
    const status = definition.initial ?? 'critical';
    return encodeCheck({ definition, status, output: '', criticalSince: null, createIndex: 0, modifyIndex: 0 });
  });
  const text = JSON.stringify({ ...encodeService(service), Checks: encoded });
  assert.deepEqual(decodeRegistration(JSON.parse(text)), { service, checks });
});
