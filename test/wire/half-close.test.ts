import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../support/fake-clock.ts';
import { startProxy, until } from '../support/plane.ts';

const POST = 'POST /a HTTP/1.1\r\nHost: t\r\n';
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const GET = 'GET /b HTTP/1.1\r\nHost: t\r\n\r\n';

/** The clock stands still: whatever ends, ends by itself and not by a timeout. */
const options = () => ({ clock: new FakeClock() });

const WHOLE: readonly (readonly [string, string, readonly string[]])[] = [
  ['a GET', GET, ['GET /b 0']],
  ['a length', `${POST}Content-Length: 5\r\n\r\nhello`, ['POST /a 5']],
  ['chunks', `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`, ['POST /a 15']],
  ['two requests', `${POST}Content-Length: 5\r\n\r\nhello${GET}`, ['POST /a 5', 'GET /b 0']],
  ['a body of 100 KB', `${POST}Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`, ['POST /a 100000']],
];

const PARTS: readonly (readonly [string, string])[] = [
  ['part of a length', `${POST}Content-Length: 5\r\n\r\nhell`],
  ['a length without a body', `${POST}Content-Length: 5\r\n\r\n`],
  ['part of the chunks', `${CHUNKED}5\r\nhel`],
  ['chunks without the last line', `${CHUNKED}0\r\n`],
];

describe('a client that sends its FIN with the request', () => {
  for (const [name, text, bodies] of WHOLE) {
    for (const reused of [false, true]) {
      it(`is answered: ${name}, on a ${reused ? 'reused' : 'new'} connection to the node`, async (t) => {
        const { client, connect } = await startProxy(t, undefined, options());
        if (reused) await (await connect()).get('/warm');
        client.socket.end(text, 'latin1');
        for (const body of bodies) assert.equal(String((await client.response()).body), body);
        assert.equal(await client.ended(), 'fin');
      });
    }
  }

  for (const [name, text] of PARTS) {
    for (const before of ['', GET]) {
      it(`is cut at once when the request is not whole: ${name}${before && ', behind another'}`, async (t) => {
        const { client, plane, backend } = await startProxy(t, undefined, options());
        client.socket.end(before + text, 'latin1');
        if (before !== '') assert.equal((await client.response()).status, 200);
        await client.ended();
        assert.equal(client.received.length, 0);
        await until(() => plane.listener.connections === 0);
        assert.equal(plane.inflight, 0);
        assert.ok(backend.requests.every((request) => request.complete === (request.method === 'GET')));
        assert.equal(plane.entries.at(-1)?.status, 499);
      });
    }
  }

  it('is closed without a word when it has sent nothing, or part of a head', async (t) => {
    const { connect, plane, client } = await startProxy(t, undefined, options());
    client.close();
    for (const text of ['', 'GET / HT', '\r\n']) {
      const other = await connect();
      other.socket.end(text);
      assert.equal(await other.ended(), 'fin');
      assert.equal(other.received.length, 0);
    }
    assert.deepEqual(plane.entries, []);
  });
});
