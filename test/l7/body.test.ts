import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { NodeField } from '../../src/telemetry/counters.ts';
import type { BackendHandler } from '../support/http-backend.ts';
import { startProxy, turns, until, writeUntilStuck } from '../support/plane.ts';

/** Bytes of which each position can be told from the others. */
function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8)) & 0xff;
  return bytes;
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('bodies of answers', () => {
  for (const size of [0, 1, 15_999, 16_001, 65_536, 100_000, 3_000_000]) {
    it(`relays ${size} bytes with a length, then another answer`, async (t) => {
      const body = pattern(size);
      const { client } = await startProxy(t, [
        (request) => void request.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`).write(body),
      ]);
      for (let round = 0; round < 3; round++) assert.equal(digest((await client.get('/')).body), digest(body));
    });
  }

  it('relays two large answers at once without mixing them', async (t) => {
    const bodies = [pattern(2_000_000), pattern(2_000_001).reverse()];
    const { client, connect } = await startProxy(t, [
      (request) => {
        const body = bodies[Number(request.target.slice(1))]!;
        request.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`).write(body);
      },
    ]);
    const other = await connect();
    for (let round = 0; round < 3; round++) {
      const [first, second] = await Promise.all([client.get('/0'), other.get('/1')]);
      assert.equal(digest(first.body), digest(bodies[0]!));
      assert.equal(digest(second.body), digest(bodies[1]!));
    }
  });

  it('relays chunks, without their extensions, and keeps both connections', async (t) => {
    const { client, backend } = await startProxy(t, [
      (request) => void request.write(`${CHUNKED}5;name="v"\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`),
    ]);
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    const head = await client.take((bytes) => bytes.indexOf('\r\n\r\n') + 4 || -1);
    assert.match(String(head), /transfer-encoding: chunked/i);
    const rest = await client.take((bytes) => (bytes.includes('0\r\n\r\n') ? bytes.length : -1));
    assert.equal(String(rest), '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n');
    assert.equal(String((await client.get('/')).body), 'hello world');
    assert.equal(backend.accepted, 1);
  });

  it('relays chunks that come byte by byte', async (t) => {
    const { client } = await startProxy(t, [
      async (request) => {
        for (const byte of `${CHUNKED}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`) {
          request.write(byte);
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    ]);
    assert.equal(String((await client.get('/')).body), 'abcde');
    assert.equal(String((await client.get('/')).body), 'abcde');
  });

  it('gives an HTTP/1.0 client the data of the chunks, and ends the connection', async (t) => {
    const { client } = await startProxy(t, [
      (request) => void request.write(`${CHUNKED}3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n`),
    ]);
    const response = await client.request('GET / HTTP/1.0\r\nConnection: keep-alive');
    assert.equal(response.fields.get('transfer-encoding'), undefined);
    assert.equal(response.fields.get('connection'), 'close');
    assert.equal(String(response.body), 'abcde');
    assert.equal(await client.ended(), 'fin');
  });

  it('makes chunks of an answer that ends with its connection', async (t) => {
    const body = pattern(300_000);
    const { client } = await startProxy(t, [
      (request) => void request.write('HTTP/1.1 200 OK\r\n\r\n').write(body).socket.end(),
    ]);
    for (let round = 0; round < 2; round++) {
      const response = await client.get('/');
      assert.equal(response.fields.get('transfer-encoding'), 'chunked');
      assert.equal(digest(response.body), digest(body));
    }
  });

  const cut: [string, string][] = [
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'],
    ['chunks', `${CHUNKED}64\r\nshort`],
    ['chunks before the last', `${CHUNKED}5\r\nshort\r\n`],
  ];
  for (const [name, text] of cut) {
    for (const minor of [1, 0]) {
      it(`resets an HTTP/1.${minor} client when an answer with ${name} is cut short`, async (t) => {
        const { client, plane, backend } = await startProxy(t, [(request) => void request.write(text).socket.end()]);
        client.write(`GET / HTTP/1.${minor}\r\nHost: t\r\n\r\n`);
        assert.equal(await client.ended(), 'reset');
        assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.reset), 1);
        assert.equal(plane.entries[0]?.end.by, 'upstream');
        assert.equal(plane.entries[0]?.end.phase, 'relay');
      });
    }
  }

  it('resets the client when a node resets the connection in the middle of an answer', async (t) => {
    const { client } = await startProxy(t, [
      async (request) => {
        request.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort');
        await turns(5);
        request.socket.resetAndDestroy();
      },
    ]);
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    assert.equal(await client.ended(), 'reset');
  });

  const nonsense: [string, string][] = [
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(40_000)}`],
    [
      'a switch of protocols that nobody asked for',
      'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ],
    ['nine interim answers', `${'HTTP/1.1 103 Early\r\n\r\n'.repeat(9)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`],
  ];
  for (const [name, text] of nonsense) {
    it(`answers 502 to ${name}, and closes the node's connection`, async (t) => {
      const { client, plane, backend } = await startProxy(t, [(request) => void request.write(text)]);
      let response = await client.get('/');
      while (response.status === 103) response = await client.response();
      assert.equal(response.status, 502);
      await until(() => backend.sockets.size === 0);
      assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.reset), 1);
      assert.equal(backend.requests.length, 1);
    });
  }

  it('passes 103 on, and 100 only to a client that expects it; neither to HTTP/1.0', async (t) => {
    const { client, connect } = await startProxy(t, [
      (request) =>
        void request
          .write(
            'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n',
          )
          .reply(200, 'ok'),
    ]);
    const early = await client.get('/');
    assert.equal(early.status, 103);
    assert.equal(early.fields.get('link'), '</a>');
    assert.equal((await client.response()).status, 200);
    assert.equal((await (await connect()).request('GET / HTTP/1.0')).status, 200);
  });

  it('holds back a node whose client does not read, and goes on when it does', async (t) => {
    const piece = pattern((1 << 20) - 1);
    const total = 48;
    let given = 0;
    const give: BackendHandler = async (request) => {
      request.write(`HTTP/1.1 200 OK\r\nContent-Length: ${piece.length * total}\r\n\r\n`);
      for (; given < total && !request.socket.destroyed; given++) {
        if (!request.socket.write(piece)) await new Promise((resolve) => request.socket.once('drain', resolve));
      }
    };
    const { client, plane } = await startProxy(t, [give]);
    client.socket.pause();
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await until(() => given > 0);
    for (let before = -1; before !== given; await turns(30)) before = given;
    assert.ok(given < total / 2, `the node could send ${given} MiB`);
    assert.ok(plane.listener.buffers.lent <= 3, `${plane.listener.buffers.lent} buffers are held`);
    const received = createHash('sha256');
    let count = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => {
      const from = count === 0 ? chunk.indexOf('\r\n\r\n') + 4 : 0;
      received.update(chunk.subarray(from));
      count += chunk.length - from;
    });
    client.socket.resume();
    await until(() => count === piece.length * total);
    const sent = createHash('sha256');
    for (let i = 0; i < total; i++) sent.update(piece);
    assert.equal(received.digest('hex'), sent.digest('hex'));
    await until(() => plane.inflight === 0 && plane.listener.buffers.lent === 0);
  });
});

describe('bodies of requests', () => {
  it('relays a large upload with a length and in chunks', async (t) => {
    const body = pattern(3_000_000);
    const { client, backend } = await startProxy(t);
    client.write(`POST / HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n`).write(body);
    assert.equal((await client.response()).status, 200);
    assert.equal(digest(backend.requests[0]!.rawBody), digest(body));
    client.write('POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let at = 0; at < body.length; at += 99_999) {
      const part = body.subarray(at, at + 99_999);
      client
        .write(`${part.length.toString(16)};ext=1\r\n`)
        .write(part)
        .write('\r\n');
    }
    client.write('0\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    const raw = backend.requests[1]!.rawBody;
    assert.equal(raw.includes('ext=1'), false);
    assert.ok(raw.length > body.length);
    assert.equal(backend.accepted, 1);
  });

  it('frames a body on GET and DELETE, so that it can never be taken for a request', async (t) => {
    const { client, backend } = await startProxy(t);
    const inner = 'GET /secret HTTP/1.1\r\nHost: t\r\n\r\n';
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD']) {
      await client.request(`${method} /x HTTP/1.1\r\nHost: t\r\nContent-Length: ${inner.length}`, inner);
      await client.request(
        `${method} /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked`,
        `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
      );
    }
    assert.deepEqual([...new Set(backend.requests.map((request) => request.target))], ['/x']);
  });

  it('cuts the node off when a chunk is malformed, and answers 400', async (t) => {
    const { client, backend, plane } = await startProxy(t);
    client.write('POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await until(() => backend.requests[0]?.rawBody.length === 10);
    client.write('zz\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n');
    const response = await client.response();
    assert.equal(response.status, 400);
    assert.equal(response.fields.get('connection'), 'close');
    await until(() => backend.sockets.size === 0);
    assert.equal(backend.requests.length, 1);
    assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.aborted), 1);
  });

  it('relays an early answer, then closes both connections', async (t) => {
    const { client, backend } = await startProxy(t, [(request) => void request.reply(413, 'too large')]);
    client.write('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nsome');
    const response = await client.response();
    assert.equal(response.status, 413);
    assert.equal(response.fields.get('connection'), 'close');
    client.write('GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n');
    assert.equal(await client.ended(), 'fin');
    await until(() => backend.sockets.size === 0);
    assert.equal(backend.requests.length, 1);
  });

  it('passes Expect on and the body as it comes', async (t) => {
    const { client, backend } = await startProxy(t, [
      async (request) => {
        request.write('HTTP/1.1 100 Continue\r\n\r\n');
        await request.received();
        request.reply(200, String(request.rawBody));
      },
    ]);
    client.write('PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
    assert.equal((await client.response()).status, 100);
    assert.equal(backend.requests[0]!.fields.get('expect'), '100-continue');
    client.write('hello');
    assert.equal(String((await client.response()).body), 'hello');
    assert.equal((await client.request('PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 1', 'x')).status, 200);
  });

  it('ends both connections when the answer to Expect is final', async (t) => {
    const { client, backend } = await startProxy(t, [(request) => void request.reply(401, 'no')]);
    client.write('PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
    const response = await client.response();
    assert.equal(response.status, 401);
    assert.equal(response.fields.get('connection'), 'close');
    assert.equal(await client.ended(), 'fin');
    await until(() => backend.sockets.size === 0);
  });

  it('holds back a client whose node does not read', async (t) => {
    const { client, backend } = await startProxy(t, [(request) => void request.socket.pause()]);
    const total = 24 << 20;
    client.write(`POST / HTTP/1.1\r\nHost: t\r\nContent-Length: ${total}\r\n\r\n`);
    await backend.arrived(1);
    await writeUntilStuck(client.socket, total);
    assert.ok(client.socket.writableLength > 0, 'the client could not send everything');
    const [request] = backend.requests;
    request!.socket.resume();
    await request!.received();
    request!.reply(200, 'all');
    assert.equal(String((await client.response()).body), 'all');
  });
});

describe('clients that go away', () => {
  it('before the answer: the node is let go, and 499 is counted', async (t) => {
    const { client, backend, plane } = await startProxy(t, [() => {}]);
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await backend.arrived(1);
    assert.equal(plane.inflight, 1);
    client.socket.resetAndDestroy();
    await until(() => backend.sockets.size === 0 && plane.inflight === 0);
    assert.equal(plane.entries[0]?.status, 499);
    assert.deepEqual(plane.entries[0]?.end, { by: 'client', phase: 'wait', cause: 'ECONNRESET' });
    assert.equal(plane.nodeCount(backend.address, NodeField.outcome + Outcome.aborted), 1);
  });

  for (const how of ['destroy', 'resetAndDestroy', 'end'] as const) {
    it(`in the middle of an upload (${how})`, async (t) => {
      const { client, backend, plane } = await startProxy(t);
      client.write('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nsome');
      await backend.arrived(1);
      client.socket[how]();
      await until(() => backend.sockets.size === 0 && plane.inflight === 0 && plane.listener.connections === 0);
      assert.equal(plane.entries[0]?.status, 499);
      assert.equal(backend.requests[0]!.complete, false);
    });
  }

  it('in the middle of a download', async (t) => {
    const { client, backend, plane } = await startProxy(t, [
      (request) =>
        void request.write('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n').write(Buffer.alloc(30_000_000)),
    ]);
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    await until(() => client.received.length > 0);
    client.socket.destroy();
    await until(() => backend.sockets.size === 0 && plane.inflight === 0 && plane.listener.connections === 0);
    assert.equal(plane.entries.length, 1);
    assert.equal(plane.listener.buffers.lent, 0);
  });

  it('while the node is being connected to', async (t) => {
    const { client, plane, backend } = await startProxy(t);
    client.write('GET / HTTP/1.1\r\nHost: t\r\n\r\n');
    client.socket.resetAndDestroy();
    await until(() => plane.listener.connections === 0);
    assert.equal(plane.inflight, 0);
    await until(() => backend.sockets.size === 0);
  });
});
