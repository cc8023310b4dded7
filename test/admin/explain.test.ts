import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AdminServer } from '../../src/admin/server.ts';
import { formatAddress } from '../../src/core/address.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { ExplainQuestion, Explanation } from '../../src/upstream/explanation.ts';
import { adminViews } from '../support/admin-views.ts';

describe('POST /v1/explain', () => {
  const asked: ExplainQuestion[] = [];
  let answer: object | null = { route: 'r' };
  const views = adminViews({
    explain: (question) => {
      asked.push(question);
      return Promise.resolve(answer as Explanation | null);
    },
  });
  const server = new AdminServer({ host: '127.0.0.1', port: 0 }, null, views, silentLog, systemClock);
  let base = '';
  before(async () => {
    base = `http://${formatAddress(await server.start())}`;
  });
  after(() => server.close(systemClock.now()));

  const post = async (body: unknown) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${base}/v1/explain`, { method: 'POST', body: JSON.stringify(body), headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('asks with the head that a client would send, and needs no key', async () => {
    const headers = ['X-Version: 2', 'Accept: */*'];
    const url = 'https://api.example.com:8443/a/../b%2f?x=1#part';
    assert.deepEqual(await post({ method: 'PUT', url, headers, client: '10.1.2.3' }), {
      status: 200,
      body: { route: 'r' },
    });
    assert.deepEqual(asked.pop(), {
      head: 'PUT /a/../b%2f?x=1 HTTP/1.1\r\nHost: api.example.com:8443\r\nX-Version: 2\r\nAccept: */*\r\n\r\n',
      client: '10.1.2.3',
    });
    await post({ url: 'http://a?q', headers: ['host: other'] });
    assert.deepEqual(asked.pop(), { head: 'GET /?q HTTP/1.1\r\nhost: other\r\n\r\n', client: '127.0.0.1' });
  });

  it('says what is wrong with a question', async () => {
    const wrong: [unknown, RegExp][] = [
      [{}, /^url:/],
      [{ url: '/only/a/path' }, /^url:/],
      [{ url: 'http://a/', method: 'G ET' }, /^method:/],
      [{ url: 'http://a/', headers: { a: 'b' } }, /^headers:/],
      [{ url: 'http://a/', headers: ['a: b\r\nc: d'] }, /^headers:/],
      [{ url: 'http://a/', client: 'somebody' }, /^client:/],
      [{ url: 'http://a/', path: '/' }, /^path: there is no such field/],
    ];
    for (const [body, message] of wrong) {
      const refused = await post(body);
      assert.equal(refused.status, 400, JSON.stringify(body));
      assert.match(String(refused.body.error_msg), message);
    }
    assert.deepEqual(asked, []);
  });

  it('answers 503 when no worker can tell', async () => {
    answer = null;
    assert.equal((await post({ url: 'http://a/' })).status, 503);
  });
});
