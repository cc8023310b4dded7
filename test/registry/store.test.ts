import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRegistration } from '../../src/registry/decode.ts';
import { RegistryStore } from '../../src/registry/store.ts';
import type { Topic } from '../../src/registry/topics.ts';
import { FakeClock } from '../support/fake-clock.ts';

function storeWith(...bodies: object[]): RegistryStore {
  const store = new RegistryStore(new FakeClock(), 100);
  for (const body of bodies) put(store, body);
  return store;
}

function put(store: RegistryStore, body: object, replace = false): void {
  const { service, checks } = decodeRegistration(body);
  store.register(service, checks, replace);
}

function woken(store: RegistryStore, topics: readonly Topic[], change: () => void): Topic[] {
  const found: Topic[] = [];
  const waits = topics.map((topic) => store.topics.wait(topic, () => void found.push(topic)));
  change();
  for (const wait of waits) wait.cancel();
  return found.sort();
}

const ALL: readonly Topic[] = ['catalog', 'checks', 'service:a', 'service:b'];

test('a change of one service wakes neither the watchers of another nor moves their index', () => {
  const store = storeWith({ Name: 'a', Check: { TTL: '10s' } }, { Name: 'b', Check: { TTL: '10s' } });
  const before = store.topics.index('service:b');
  assert.deepEqual(
    woken(store, ALL, () => store.setStatus('service:a', 'passing', 'ok')),
    ['checks', 'service:a'],
  );
  assert.deepEqual(
    woken(store, ALL, () => put(store, { Name: 'a', Tags: ['x'] })),
    ['catalog', 'service:a'],
  );
  assert.equal(store.topics.index('service:b'), before);
});

test('a registration, a status or an output that changes nothing wakes nobody', () => {
  const body = { Name: 'a', Port: 1, Tags: ['x'], Meta: { k: 'v' }, Check: { TTL: '10s' } };
  const store = storeWith(body);
  store.setStatus('service:a', 'passing', 'first');
  const index = store.topics.current;
  const change = () => {
    put(store, structuredClone(body));
    store.setStatus('service:a', 'passing', 'second');
  };
  assert.deepEqual(woken(store, ALL, change), []);
  assert.equal(store.topics.current, index);
  assert.equal(store.check('service:a')?.output, 'second');
});

test('the index of a service never goes backwards, while it comes and goes', () => {
  const store = storeWith({ Name: 'b' });
  let last = store.topics.index('service:a');
  const steps = [
    () => put(store, { Name: 'a' }),
    () => put(store, { ID: 'a2', Name: 'a' }),
    () => store.deregister('a'),
    () => store.deregister('a2'),
    () => store.deregister('b'),
    () => put(store, { Name: 'a' }),
  ];
  for (const step of steps) {
    step();
    const index = store.topics.index('service:a');
    assert.ok(index >= last, `${index} after ${last}`);
    last = index;
  }
  assert.deepEqual([...store.catalog().keys()], ['a']);
});

test('the last instance that leaves wakes the watchers of its service', () => {
  const store = storeWith({ Name: 'a', Check: { TTL: '10s' } });
  assert.deepEqual(
    woken(store, ALL, () => store.deregister('a')),
    ['catalog', 'checks', 'service:a'],
  );
  assert.equal(store.check('service:a'), null);
  assert.equal(store.deregister('a'), false);
});

test('registering again keeps the status and the checks that are not named', () => {
  const store = storeWith({ Name: 'a', Check: { TTL: '10s' } });
  store.setStatus('service:a', 'passing', 'well');
  put(store, { Name: 'a', Check: { TTL: '20s' } });
  assert.equal(store.check('service:a')?.status, 'passing');
  put(store, { Name: 'a', Check: { CheckID: 'other', TTL: '20s' } });
  assert.deepEqual(
    store.checksOf('a').map((check) => check.definition.id),
    ['other', 'service:a'],
  );
  put(store, { Name: 'a', Check: { CheckID: 'other', TTL: '20s' } }, true);
  assert.deepEqual(
    store.checksOf('a').map((check) => check.definition.id),
    ['other'],
  );
});

test('an ID that is registered under another name leaves the old service', () => {
  const store = storeWith({ ID: 'x', Name: 'a', Check: { TTL: '10s' } });
  assert.deepEqual(woken(store, ALL, () => put(store, { ID: 'x', Name: 'b' })).includes('service:a'), true);
  assert.deepEqual(store.instancesOf('a'), []);
  assert.deepEqual(
    store.instancesOf('b').map(({ service }) => service.id),
    ['x'],
  );
});

test('a check that another service takes over leaves the first one', () => {
  const store = storeWith({ Name: 'a', Check: { CheckID: 'shared', TTL: '10s' } });
  put(store, { Name: 'b', Check: { CheckID: 'shared', TTL: '10s' } });
  assert.deepEqual(store.checksOf('a'), []);
  assert.equal(store.checksOf('b').length, 1);
  store.deregister('a');
  assert.equal(store.checksOf('b').length, 1);
});

test('services and checks are found again under names that objects have by themselves', () => {
  const store = storeWith({ Name: '__proto__', Meta: { __proto__x: '1' } }, { Name: 'constructor' });
  assert.deepEqual([...store.catalog().keys()], ['__proto__', 'constructor']);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});
