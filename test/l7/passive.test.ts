import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { NodeField, RouteField } from '../../src/telemetry/counters.ts';
import type { PlannedBreaker } from '../../src/upstream/plan.ts';
import type { BackendHandler } from '../support/http-backend.ts';
import { startProxy } from '../support/plane.ts';
import { plainUpstream } from '../support/planned.ts';

const BREAKER: PlannedBreaker = {
  status: 503,
  contentType: 'application/json',
  body: null,
  retryAfterSeconds: 5,
  slowMicros: 0,
};

function answering(status: number, fields = ''): BackendHandler {
  return async (request) => {
    await request.received();
    request.reply(status, String(status), fields);
  };
}

describe('Retry-After of a node', () => {
  const upstream = { passive: { ...plainUpstream.passive, retryAfterMs: 30_000 } };

  async function tenAfter(first: BackendHandler, options = { upstream }): Promise<number> {
    const { client, backends } = await startProxy(t!, [first, answering(200)], options);
    while (backends[0]!.requests.length === 0) await client.get('/');
    for (let request = 0; request < 10; request++) await client.get('/');
    return backends[0]!.requests.length - 1;
  }
  let t: Parameters<typeof startProxy>[0] | null = null;

  it('keeps new requests away from it, with 429 and with 503', async (context) => {
    t = context;
    assert.equal(await tenAfter(answering(429, 'Retry-After: 60\r\n')), 0);
    assert.equal(await tenAfter(answering(503, 'retry-after: 60\r\n')), 0);
  });

  it('means nothing without a time, with another status, or when it is switched off', async (context) => {
    t = context;
    assert.equal(await tenAfter(answering(429)), 5);
    assert.equal(await tenAfter(answering(200, 'Retry-After: 60\r\n')), 5);
    assert.equal(await tenAfter(answering(429, 'Retry-After: 60\r\n'), { upstream: plainUpstream }), 5);
  });
});

describe('statuses that count as failures of a node', () => {
  it('are 500 and above, or those that the upstream names', async (t) => {
    const byDefault = await startProxy(t, [answering(404)]);
    await byDefault.client.get('/');
    const count = ({ plane, backend }: typeof byDefault, outcome: Outcome) =>
      plane.nodeCount(backend.address, NodeField.outcome + outcome);
    assert.deepEqual([count(byDefault, Outcome.success), count(byDefault, Outcome.serverError)], [1, 0]);
    const passive = { ...plainUpstream.passive, failStatuses: [404] };
    const named = await startProxy(t, [answering(404)], { upstream: { passive } });
    await named.client.get('/');
    assert.deepEqual([count(named, Outcome.success), count(named, Outcome.serverError)], [0, 1]);
  });

  it('raise an alarm when as many come in a row as the upstream allows', async (t) => {
    const passive = { ...plainUpstream.passive, streaks: [0, 3, 0, 0, 0, 0] };
    const { client, plane } = await startProxy(t, [answering(500)], { upstream: { passive } });
    for (let request = 0; request < 7; request++) await client.get('/');
    assert.deepEqual(
      plane.alarms.map(({ alarm }) => alarm),
      ['streak', 'streak'],
      'at the third and at the sixth',
    );
  });
});

describe('a circuit breaker', () => {
  it('of an upstream answers at once while it is open, and lets trials through', async (t) => {
    const { client, plane, backend } = await startProxy(t, [answering(200)], { upstream: { breaker: BREAKER } });
    assert.equal((await client.get('/')).status, 200);
    plane.upstreamBreakers.open(0);
    const refused = await client.get('/');
    assert.equal(refused.status, 503);
    assert.equal(refused.fields.get('retry-after'), '5');
    assert.match(refused.body.toString(), /fails too often/);
    assert.equal(backend.requests.length, 1);
    plane.upstreamBreakers.halfOpen(0, 1);
    assert.deepEqual([(await client.get('/')).status, (await client.get('/')).status], [200, 503]);
    plane.upstreamBreakers.close(0);
    assert.equal((await client.get('/')).status, 200);
  });

  it('of a route answers as it is told to, on the same connection', async (t) => {
    const breaker = { ...BREAKER, status: 529, contentType: 'text/plain', body: 'später', retryAfterSeconds: 9 };
    const { client, plane } = await startProxy(t, [answering(200)], { route: { breaker } });
    plane.routeBreakers.open(1);
    const refused = await client.get('/');
    assert.deepEqual(
      [refused.status, refused.fields.get('content-type'), refused.body.toString('utf8')],
      [529, 'text/plain', 'später'],
    );
    assert.equal(refused.fields.get('retry-after'), '9');
    plane.routeBreakers.close(1);
    assert.equal((await client.get('/')).status, 200);
  });

  it('of a route counts what reached a node, and not its own answers', async (t) => {
    const handlers = [answering(500)];
    const { client, plane } = await startProxy(t, handlers, { route: { breaker: { ...BREAKER, slowMicros: 1 } } });
    await client.get('/');
    plane.routeBreakers.open(1);
    await client.get('/');
    const counts = [RouteField.tried, RouteField.failed, RouteField.slow].map((field) => plane.routeCount(field));
    assert.deepEqual(counts, [1, 1, 1]);
  });
});

describe('an ejected node', () => {
  it('gets a single request when its time is over, and the control thread hears how it went', async (t) => {
    let status = 200;
    const flaky: BackendHandler = async (request) => {
      await request.received();
      request.reply(status);
    };
    const { client, plane, backends } = await startProxy(t, [flaky, answering(200)]);
    const slot = plane.slotOf(backends[0]!.address);
    plane.table.eject(slot, plane.clock.now() - 1);
    plane.table.bump(0);
    status = 500;
    for (let request = 0; request < 5; request++) await client.get('/');
    assert.deepEqual([backends[0]!.requests.length, plane.alarms], [1, [{ slot, alarm: 'relapsed' }]]);
    plane.table.eject(slot, plane.clock.now() - 1);
    plane.table.bump(0);
    status = 200;
    for (let request = 0; request < 5; request++) await client.get('/');
    assert.equal(backends[0]!.requests.length, 2);
    assert.deepEqual(plane.alarms.at(-1), { slot, alarm: 'recovered' });
  });
});
