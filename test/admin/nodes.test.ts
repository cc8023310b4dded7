import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { NodeOrder } from '../../src/admin/node-views.ts';
import { AdminServer } from '../../src/admin/server.ts';
import { formatAddress } from '../../src/core/address.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { adminViews } from '../support/admin-views.ts';

const KEY = 'secret';

describe('orders about nodes over the admin listener', () => {
  const orders: NodeOrder[] = [];
  const views = adminViews({
    order: (order) => {
      orders.push(order);
      return order.node === 'gone:1' ? [] : [{ upstream: 'u', node: '10.0.0.1:80' }];
    },
  });
  const server = new AdminServer({ host: '127.0.0.1', port: 0 }, KEY, views, silentLog, systemClock);
  let base = '';
  before(async () => {
    base = `http://${formatAddress(await server.start())}`;
  });
  after(() => server.close(systemClock.now()));

  const post = async (action: string, body: unknown, key: string | null = KEY) => {
    const answer = await fetch(`${base}/v1/nodes/${action}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(key === null ? {} : { 'x-api-key': key }) },
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  it('need the key', async () => {
    assert.equal((await post('drain', { node: '10.0.0.1:80' }, null)).status, 401);
    assert.equal((await post('drain', { node: '10.0.0.1:80' }, 'wrong')).status, 401);
    assert.deepEqual(orders, []);
  });

  it('are carried out, and answered with the nodes that they are for', async () => {
    const answer = await post('drain', { node: '10.0.0.1:80', upstream: 'u', reason: 'new kernel' });
    assert.deepEqual(answer, { status: 200, body: { nodes: [{ upstream: 'u', node: '10.0.0.1:80' }] } });
    await post('disable', { metadata: { rack: 'b2' } });
    await post('enable', { node: '10.0.0.1:80' });
    await post('weight', { node: '10.0.0.1:80', weight: 3 });
    await post('weight', { node: '10.0.0.1:80', weight: null });
    assert.deepEqual(
      orders.splice(0).map(({ state, weight, metadata, reason }) => [state, weight, metadata, reason]),
      [
        ['drain', null, null, 'new kernel'],
        ['disable', null, { rack: 'b2' }, null],
        ['enable', null, null, null],
        [null, 3, null, null],
        [null, 'source', null, null],
      ],
    );
  });

  it('that name no node are refused, with the reason', async () => {
    assert.equal((await post('drain', { node: 'gone:1' })).status, 404);
    orders.splice(0);
    const refused: [string, unknown, RegExp][] = [
      ['drain', {}, /^name the nodes/],
      ['drain', { upstream: 'u' }, /^name the nodes/],
      ['drain', { node: 7 }, /^node:/],
      ['drain', { node: 'a:1', upstream: [] }, /^upstream:/],
      ['drain', { metadata: {} }, /^metadata:/],
      ['drain', { metadata: { a: 1 } }, /^metadata:/],
      ['drain', { metadata: ['a'] }, /^metadata:/],
      ['drain', { node: 'a:1', weight: 3 }, /^weight: send it/],
      ['weight', { node: 'a:1' }, /^weight: give/],
      ['weight', { node: 'a:1', weight: -1 }, /^weight: give/],
      ['weight', { node: 'a:1', weight: '3' }, /^weight: give/],
      ['drain', { node: 'a:1', reason: 5 }, /^reason:/],
      ['drain', { nodes: ['a:1'] }, /^nodes: there is no such field/],
    ];
    for (const [action, body, message] of refused) {
      const answer = await post(action, body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.match(String(answer.body.error_msg), message);
    }
    assert.deepEqual(orders, []);
  });
});
