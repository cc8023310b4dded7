import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendRequest } from '../support/http-backend.ts';
import { startProxy, until } from '../support/plane.ts';

/** Keeps every request waiting until the test lets it go. */
function holding() {
  const held: BackendRequest[] = [];
  return { held, handler: (request: BackendRequest) => void held.push(request) };
}

describe('nodes at their limits', () => {
  it('get nothing more; others do, and with none left clients are told so', async (t) => {
    const [first, second] = [holding(), holding()];
    const { plane, connect, backends } = await startProxy(t, [first.handler, second.handler], {
      upstream: { limited: true },
    });
    plane.table.setLimit(plane.slotOf(backends[0]!.address), 1);
    plane.table.setLimit(plane.slotOf(backends[1]!.address), 3);
    const waiting = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const client = await connect();
        client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        return client;
      }),
    );
    await until(() => first.held.length + second.held.length === 4);
    assert.deepEqual([first.held.length, second.held.length], [1, 3]);
    const refused = await (await connect()).get('/');
    assert.deepEqual([refused.status, refused.fields.get('retry-after')], [503, '1']);
    assert.match(refused.body.toString(), /more to do than it can/);
    first.held[0]!.reply(200);
    await Promise.race(waiting.map((client) => client.response()));
    const later = await connect();
    const answer = later.get('/');
    await until(() => first.held.length === 2);
    for (const request of [...first.held.slice(1), ...second.held]) request.reply(200);
    assert.equal((await answer).status, 200);
  });

  it('leave a part to routes of more importance', async (t) => {
    const { held, handler } = holding();
    const { plane, connect, backend } = await startProxy(t, [handler], { upstream: { limited: true } });
    plane.setRoutes([
      { id: 'low', uris: ['/low'], headroom: 0.5 },
      { id: 'normal', uris: ['/normal'], headroom: 1 },
      { id: 'high', uris: ['/high'], headroom: 1.5 },
    ]);
    plane.table.setLimit(plane.slotOf(backend.address), 2);
    const accepted: string[] = [];
    const answers: Promise<void>[] = [];
    for (const path of ['/low', '/low', '/normal', '/normal', '/high', '/high']) {
      const client = await connect();
      const before = held.length;
      let status = 0;
      answers.push(
        client.get(path).then((answer) => {
          status = answer.status;
        }),
      );
      await until(() => status !== 0 || held.length > before);
      accepted.push(`${path} ${status === 0 ? 'in' : status}`);
    }
    assert.deepEqual(accepted, ['/low in', '/low 503', '/normal in', '/normal 503', '/high in', '/high 503']);
    for (const request of held) request.reply(200);
    await Promise.all(answers);
  });

  it('are told from an upstream without nodes', async (t) => {
    const { client } = await startProxy(t, [], { upstream: { limited: true } });
    assert.match((await client.get('/')).body.toString(), /no node/);
  });
});
