import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { createRegistrars } from '../../src/control/registrars.ts';
import { SelfRegistration } from '../../src/control/self-registration.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { OwnState } from '../../src/discovery/registrar.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { ScriptedRegistry, type ScriptedRequest } from '../support/scripted-registry.ts';

const OWN = { address: '10.0.0.7', port: 9080 };
const READY: OwnState = { ready: true, reasons: [] };
const WAITING: OwnState = { ready: false, reasons: ['no answer yet for web'] };

describe('self-registration', { timeout: 30_000 }, () => {
  let clock: FakeClock;
  let log: RecordingLog;
  let registry: ScriptedRegistry;
  let state: OwnState;
  let registration: SelfRegistration;

  beforeEach(async () => {
    clock = new FakeClock();
    log = new RecordingLog();
    registry = await ScriptedRegistry.start();
    state = READY;
  });

  afterEach(async () => {
    await registry.close();
    await registration.close(clock.now());
    assert.equal(clock.pending, 0);
  });

  function start(input: (address: string) => DocumentInput): void {
    const tools = { clock, random: seededRandom(5), log };
    const registrars = createRegistrars(documentFrom(input(registry.address)), null, tools);
    registration = new SelfRegistration({ registrars, state: () => state, ...tools });
    registration.start();
  }

  const inConsul = (address: string) => ({ discovery: { consul: { servers: [address] } }, register: { consul: OWN } });
  const inEureka = (address: string) => ({ register: { eureka: { ...OWN, host: [address] } } });
  const question = () => registry.requests.next();
  const told = (request: ScriptedRequest) => [request.method, request.path].join(' ');

  async function after(ms: number): Promise<ScriptedRequest> {
    const next = question();
    await clock.run(ms);
    return next;
  }

  it('registers in Consul with a TTL check, sends heartbeats, and deregisters', async () => {
    start(inConsul);
    const first = await question();
    assert.equal(told(first), 'PUT /v1/agent/service/register');
    const body = JSON.parse(await first.text());
    assert.deepEqual(
      [body.ID, body.Name, body.Address, body.Port],
      ['headgate-10.0.0.7:9080', 'headgate', '10.0.0.7', 9080],
    );
    assert.deepEqual([body.Check.TTL, body.Check.Status], ['15000ms', 'passing']);
    first.raw(200, '');
    const beat = await after(5_000);
    assert.equal(told(beat), 'PUT /v1/agent/check/update/service%3Aheadgate-10.0.0.7%3A9080');
    assert.deepEqual(JSON.parse(await beat.text()), { Status: 'passing', Output: 'ready' });
    beat.raw(200, '');
    await settle();
    const ended = registration.deregister(clock.now() + 3_000);
    const last = await question();
    assert.equal(told(last), 'PUT /v1/agent/service/deregister/headgate-10.0.0.7%3A9080');
    last.raw(200, '');
    await ended;
    assert.deepEqual(log.names, ['registration.made', 'registration.ended']);
  });

  it('is critical in Consul until it is ready, and looks often whether it is', async () => {
    state = WAITING;
    start(inConsul);
    const first = await question();
    assert.equal(JSON.parse(await first.text()).Check.Status, 'critical');
    first.raw(200, '');
    const beat = await after(500);
    assert.deepEqual(JSON.parse(await beat.text()), { Status: 'critical', Output: 'no answer yet for web' });
    state = READY;
    beat.raw(200, '');
    assert.equal(JSON.parse(await (await after(500)).text()).Status, 'passing');
  });

  it('registers anew where the registry has forgotten', async () => {
    start(inConsul);
    (await question()).raw(200, '');
    (await after(5_000)).raw(404, 'Unknown check ID');
    const again = await question();
    assert.equal(told(again), 'PUT /v1/agent/service/register');
    again.raw(200, '');
    assert.match(told(await after(5_000)), /check\/update/);
  });

  it('tries again when a registry fails, says so once, and registers whole then', async () => {
    start(inConsul);
    (await question()).raw(403, 'Permission denied');
    (await after(1_000)).raw(403, 'Permission denied');
    const third = await after(2_000);
    assert.equal(told(third), 'PUT /v1/agent/service/register');
    third.raw(200, '');
    await after(5_000);
    assert.deepEqual(log.names, ['registration.failed', 'registration.made']);
    assert.match(log.events[0]?.message ?? '', /answered 403: .*register\.consul\.token.*Permission denied/);
  });

  it('deregisters from every agent where it has registered', async () => {
    const other = await ScriptedRegistry.start();
    start((address) => ({ register: { consul: { ...OWN, servers: [other.address, address] } } }));
    (await other.requests.next()).raw(200, '');
    const beat = other.requests.next();
    await clock.run(5_000);
    (await beat).raw(500, '');
    (await question()).raw(404, '');
    (await question()).raw(200, '');
    await settle();
    const ended = registration.deregister(clock.now() + 3_000);
    for (const request of [await other.requests.next(), await question()]) {
      assert.match(told(request), /deregister/);
      request.raw(200, '');
    }
    await ended;
    await other.close();
  });

  it('does not wait for a registry that does not answer longer than it may', async () => {
    start(inConsul);
    (await question()).raw(200, '');
    await settle();
    let over = false;
    const ended = registration.deregister(clock.now() + 3_000).then(() => (over = true));
    await question();
    await clock.run(2_900);
    assert.equal(over, false);
    await clock.run(100);
    await ended;
    assert.ok(log.names.includes('registration.left-behind'));
  });

  it('registers in Eureka as STARTING, then as UP with a later time, renews, and deregisters', async () => {
    state = WAITING;
    start(inEureka);
    const first = await question();
    assert.equal(told(first), 'POST /eureka/apps/HEADGATE');
    const { instance } = JSON.parse(await first.text());
    assert.deepEqual(
      [instance.instanceId, instance.app, instance.ipAddr, instance.status, instance.port],
      ['10.0.0.7:9080:headgate', 'HEADGATE', '10.0.0.7', 'STARTING', { $: 9080, '@enabled': 'true' }],
    );
    assert.deepEqual(instance.leaseInfo, { renewalIntervalInSecs: 30, durationInSecs: 90 });
    state = READY;
    first.raw(204, '');
    const up = await after(500);
    const later = JSON.parse(await up.text()).instance;
    assert.equal(later.status, 'UP');
    assert.ok(later.lastDirtyTimestamp > instance.lastDirtyTimestamp);
    up.raw(204, '');
    const beat = await after(30_000);
    assert.equal(told(beat), 'PUT /eureka/apps/HEADGATE/10.0.0.7%3A9080%3Aheadgate');
    assert.equal(beat.parameters.get('lastDirtyTimestamp'), String(later.lastDirtyTimestamp));
    beat.raw(200, '');
    (await after(30_000)).raw(404, '');
    const again = await question();
    assert.equal(again.method, 'POST');
    again.raw(204, '');
    await settle();
    const ended = registration.deregister(clock.now() + 3_000);
    const last = await question();
    assert.equal(told(last), 'DELETE /eureka/apps/HEADGATE/10.0.0.7%3A9080%3Aheadgate');
    last.raw(200, '');
    await ended;
  });

  it('takes back a registration that is still under way', async () => {
    start(inEureka);
    const first = await question();
    const ended = registration.deregister(clock.now() + 3_000);
    const last = await question();
    assert.equal(last.method, 'DELETE');
    last.raw(404, '');
    await ended;
    await first.closed;
  });
});
