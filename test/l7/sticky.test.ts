import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Health } from '../../src/upstream/node-table.ts';
import type { BackendHandler } from '../support/http-backend.ts';
import { type Fixture, type PlaneOptions, startProxy } from '../support/plane.ts';

const sticky = { cookie: 'hg', secret: 'a secret for tests', attributes: 'Path=/; HttpOnly' };

/** Each backend answers with its number. */
function numbered(count: number): BackendHandler[] {
  return Array.from({ length: count }, (_, index) => (request) => void request.reply(200, String(index), 'X-A: b\r\n'));
}

async function start(t: TestContext, options: PlaneOptions = {}): Promise<Fixture> {
  return await startProxy(t, numbered(3), { ...options, upstream: { sticky, ...options.upstream } });
}

/** The node that answered, and the cookie that was set. */
async function ask({ client }: Fixture, cookies = ''): Promise<{ node: number; cookie: string | null; head: string }> {
  const { status, head, body } = await client.get('/', cookies === '' ? '' : `Cookie: ${cookies}\r\n`);
  assert.equal(status, 200);
  const [, cookie = null] = /\r\nset-cookie: (hg=[^;]*); Path=\/; HttpOnly\r\n/i.exec(head) ?? [];
  return { node: Number(String(body)), cookie, head };
}

describe('sticky sessions', () => {
  it('bind a client to the node that answered first', async (t) => {
    const fixture = await start(t);
    const { node, cookie, head } = await ask(fixture);
    assert.match(cookie ?? '', /^hg=[\w-]{22}$/);
    assert.match(head, /X-A: b\r\nSet-Cookie: /);
    for (let request = 0; request < 6; request++) {
      const next = await ask(fixture, `other=1; ${cookie}; hgx=2`);
      assert.equal(next.node, node);
      assert.equal(next.cookie, null);
    }
  });

  it('do not change what others get', async (t) => {
    const fixture = await start(t);
    const nodes = new Set<number>();
    for (let request = 0; request < 3; request++) nodes.add((await ask(fixture)).node);
    assert.equal(nodes.size, 3);
  });

  it('ignore a cookie that was tampered with, and set a right one', async (t) => {
    const fixture = await start(t);
    const { cookie } = await ask(fixture);
    const wrong = cookie!.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    for (const text of [wrong, 'hg=', 'hg', `hg=${'x'.repeat(2000)}`, cookie!.replace('hg', 'HG')]) {
      const { cookie: set } = await ask(fixture, text);
      assert.match(set ?? '', /^hg=/, text.slice(0, 40));
    }
  });

  it('leave a node that is unhealthy, and bind to the one that answers', async (t) => {
    const fixture = await start(t);
    const { plane, backends } = fixture;
    const { node, cookie } = await ask(fixture);
    plane.table.setHealth(plane.slotOf(backends[node]!.address), Health.unhealthy);
    plane.table.bump(0);
    const other = await ask(fixture, cookie!);
    assert.notEqual(other.node, node);
    const again = await ask(fixture, other.cookie!);
    assert.deepEqual([again.node, again.cookie], [other.node, null]);
  });

  it('leave a node that cannot be connected to', async (t) => {
    const fixture = await start(t);
    const { node, cookie } = await ask(fixture);
    await fixture.backends[node]!.close();
    const other = await ask(fixture, cookie!);
    assert.notEqual(other.node, node);
    assert.match(other.cookie ?? '', /^hg=/);
  });

  it('stay on a node that takes no new traffic', async (t) => {
    const fixture = await start(t);
    const { plane, backends } = fixture;
    const { node, cookie } = await ask(fixture);
    plane.setNodes(backends.map(({ address }, index) => ({ ...address, weight: index === node ? 0 : 1 })));
    for (let request = 0; request < 3; request++) {
      assert.notEqual((await ask(fixture)).node, node);
      assert.equal((await ask(fixture, cookie!)).node, node);
    }
  });

  it('outlive a change of membership, and end with the node', async (t) => {
    const fixture = await start(t);
    const { plane, backends } = fixture;
    const { node, cookie } = await ask(fixture);
    const without = (index: number) => backends.flatMap(({ address }, at) => (at === index ? [] : [address]));
    plane.setNodes(without((node + 1) % 3));
    assert.deepEqual((await ask(fixture, cookie!)).node, node);
    plane.setNodes(without(node));
    assert.notEqual((await ask(fixture, cookie!)).node, node);
  });

  it('are another secret’s matter', async (t) => {
    const fixture = await start(t);
    const { plane, backends } = fixture;
    const { cookie } = await ask(fixture);
    plane.setNodes(
      backends.map(({ address }) => address),
      { sticky: { ...sticky, secret: 'another secret for tests' } },
    );
    assert.notEqual((await ask(fixture, cookie!)).cookie, null);
  });

  it('add nothing to answers of our own and to interim ones', async (t) => {
    const { client } = await startProxy(
      t,
      [(request) => void request.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n').reply(200, 'x')],
      { upstream: { sticky } },
    );
    const interim = await client.get('/');
    assert.equal(interim.status, 103);
    assert.equal(interim.fields.get('set-cookie'), undefined);
    assert.match((await client.response()).fields.get('set-cookie') ?? '', /^hg=/);
    const none = await startProxy(t, [], { upstream: { sticky } });
    assert.equal((await none.client.get('/')).fields.get('set-cookie'), undefined);
  });
});
