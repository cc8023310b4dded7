import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { NodeField, RouteField } from '../../src/telemetry/counters.ts';
import { type BackendHandler, plainBackend } from '../support/http-backend.ts';
import { startProxy } from '../support/plane.ts';

function answering(status: number, fields = ''): BackendHandler {
  return async (request) => {
    await request.received();
    request.reply(status, `body of ${status}`, fields);
  };
}

const upstream = { retryStatuses: [500, 503] };

describe('retry_statuses', () => {
  it('asks another node, and the client sees nothing of the first answer', async (t) => {
    const { client, plane, backends } = await startProxy(t, [answering(500, 'X-Secret: 1\r\n'), plainBackend], {
      upstream,
    });
    const [bad, good] = backends;
    for (let request = 0; request < 6; request++) {
      const response = await client.get('/');
      assert.deepEqual([response.status, String(response.body)], [200, 'GET / 0']);
      assert.ok(!response.head.includes('X-Secret'));
    }
    const failed = bad!.requests.length;
    assert.ok(failed > 0);
    assert.equal(good!.requests.length, 6);
    assert.equal(plane.routeCount(RouteField.retries), failed);
    assert.equal(
      plane.nodeCount(bad!.address, NodeField.outcome + Outcome.serverError),
      failed,
      'it counts against the node',
    );
    assert.equal(plane.nodeCount(bad!.address, NodeField.connects), 1, 'its connection is kept: the answer was whole');
    assert.equal(plane.table.inflight(0) + plane.table.inflight(1), 0);
  });

  it('gives the client the answer of the second node, whatever it is', async (t) => {
    const { client, backends } = await startProxy(t, [answering(500), answering(503), answering(500)], { upstream });
    const response = await client.get('/');
    assert.match(String(response.body), /^body of 50[03]$/);
    assert.equal(
      backends.reduce((sum, { requests }) => sum + requests.length, 0),
      2,
    );
  });

  it('leaves the answer alone when there is no other node, with another status, or for a POST', async (t) => {
    const single = await startProxy(t, [answering(503)], { upstream });
    assert.equal(String((await single.client.get('/')).body), 'body of 503');
    assert.equal(single.backend.requests.length, 1);
    const other = await startProxy(t, [answering(502), answering(502)], { upstream });
    assert.equal((await other.client.get('/')).status, 502);
    const post = await startProxy(t, [answering(500), answering(500)], { upstream });
    const response = await post.client.request('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5', 'hello');
    assert.equal(response.status, 500);
    for (const { backends } of [other, post]) {
      assert.equal(
        backends.reduce((sum, { requests }) => sum + requests.length, 0),
        1,
      );
    }
  });

  it('does not wait for the body of an answer that nobody gets', async (t) => {
    const slow: BackendHandler = (request) => {
      request.socket.write('HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\nbeginning');
    };
    const { client, plane, backends } = await startProxy(t, [slow, plainBackend], { upstream });
    for (let request = 0; request < 4; request++) assert.equal((await client.get('/')).status, 200);
    const [bad] = backends;
    const asked = bad!.requests.length;
    assert.ok(asked > 0);
    assert.equal(plane.nodeCount(bad!.address, NodeField.connects), asked, 'such a connection carries nothing more');
  });
});
