import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { fetch, request } from 'undici';
import { HeadgateError, type UpstreamOptions, upstream } from '../../src/index.ts';
import { freePorts } from '../support/free-port.ts';

/** A server that answers with its name, the Host that it saw and the body that it got. */
async function startNode(t: TestContext, name: string): Promise<Server> {
  const server = createServer(async (incoming, answer) => {
    let body = '';
    for await (const chunk of incoming) body += chunk;
    answer.statusCode = incoming.url === '/fail' ? 503 : 200;
    answer.end(`${name} ${incoming.headers.host} ${body}`.trim());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function open(t: TestContext, options: UpstreamOptions) {
  const client = await upstream(options);
  t.after(() => client.close(0));
  await client.ready();
  return client;
}

describe('the library', () => {
  it('sends requests of undici to the nodes in turn, with the Host of the URL', async (t) => {
    const nodes = await Promise.all([startNode(t, 'a'), startNode(t, 'b')]);
    const client = await open(t, { nodes: Object.fromEntries(nodes.map((node) => [`127.0.0.1:${portOf(node)}`, 1])) });
    const seen: string[] = [];
    for (let index = 0; index < 4; index++) {
      const { body } = await request('http://orders.internal/x', { dispatcher: client.dispatcher });
      seen.push(await body.text());
    }
    assert.deepEqual(
      seen.toSorted(),
      ['a', 'a', 'b', 'b'].map((name) => `${name} orders.internal`),
    );
    const fetched = await fetch('http://orders.internal/', {
      dispatcher: client.dispatcher,
      method: 'POST',
      body: 'hi',
    });
    assert.match(await fetched.text(), /^[ab] orders\.internal hi$/);
    assert.deepEqual(
      client.nodes().map((node) => node.inflight),
      [0, 0],
    );
  });

  it('goes to another node when one can not be connected to, and leaves it alone', async (t) => {
    const node = await startNode(t, 'live');
    const [dead] = await freePorts(1);
    const client = await open(t, { nodes: { [`127.0.0.1:${dead}`]: 1, [`127.0.0.1:${portOf(node)}`]: 1 } });
    for (let index = 0; index < 6; index++) {
      const { body } = await request('http://svc/', {
        dispatcher: client.dispatcher,
        method: 'POST',
        body: `n${index}`,
      });
      assert.equal(await body.text(), `live svc n${index}`);
    }
    for (let index = 0; index < 4; index++) {
      const picked = client.pick();
      assert.equal(picked?.port, portOf(node));
      picked?.done();
    }
    assert.deepEqual(
      client.nodes().map(({ inflight }) => inflight),
      [0, 0],
    );
  });

  it('repeats an idempotent request when its connection ends without an answer, and no other', async (t) => {
    const node = await startNode(t, 'live');
    let hits = 0;
    const rude = createTcpServer((socket) => {
      socket.once('data', () => {
        hits += 1;
        socket.destroy();
      });
      socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(rude, 'listening');
    t.after(() => rude.close());
    const nodes = { [`127.0.0.1:${(rude.address() as AddressInfo).port}`]: 1, [`127.0.0.1:${portOf(node)}`]: 1 };
    const client = await open(t, { nodes });
    for (let index = 0; index < 4; index++) {
      const { body } = await request('http://svc/', { dispatcher: client.dispatcher });
      assert.equal(await body.text(), 'live svc');
    }
    assert.ok(hits > 0);
    const before = hits;
    const post = () => request('http://svc/', { dispatcher: client.dispatcher, method: 'POST', body: 'once' });
    const results = await Promise.allSettled([post(), post()]);
    for (const result of results) if (result.status === 'fulfilled') await result.value.body.dump();
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal(hits, before + 1, 'a POST that reached a node is not sent again');
  });

  it('reports the failure when no node can be connected to', async (t) => {
    const ports = await freePorts(2);
    const client = await open(t, { nodes: Object.fromEntries(ports.map((port) => [`127.0.0.1:${port}`, 1])) });
    await assert.rejects(request('http://svc/', { dispatcher: client.dispatcher }), { code: 'ECONNREFUSED' });
    assert.deepEqual(
      client.nodes().map(({ inflight }) => inflight),
      [0, 0],
    );
  });

  it('picks for programs that connect by themselves, and counts until done', async (t) => {
    const client = await open(t, {
      type: 'least_conn',
      nodes: [
        { host: '127.0.0.1', port: 1, metadata: { zone: 'z' } },
        { host: '127.0.0.1', port: 2 },
      ],
    });
    const first = client.pick()!;
    const second = client.pick()!;
    assert.notEqual(first.port, second.port);
    assert.deepEqual(
      client.nodes().map(({ inflight }) => inflight),
      [1, 1],
    );
    first.done();
    first.done('failed');
    assert.equal(client.pick()?.port, first.port);
    second.done('unreachable');
    for (let index = 0; index < 3; index++) assert.equal(client.pick()?.port, first.port);
  });

  it('gives the same node for the same key', async (t) => {
    const nodes = Array.from({ length: 8 }, (_, index) => ({ host: '127.0.0.1', port: index + 1 }));
    const client = await open(t, { type: 'chash', hash_on: 'header', key: 'X-User', nodes });
    const portFor = (hashKey: string) => {
      const picked = client.pick({ hashKey })!;
      picked.done();
      return picked.port;
    };
    const ports = Array.from({ length: 40 }, (_, user) => portFor(`user-${user}`));
    assert.deepEqual(
      Array.from({ length: 40 }, (_, user) => portFor(`user-${user}`)),
      ports,
    );
    assert.equal(new Set(ports).size, 8);
  });

  it('sends requests by the header that chash names, else by their path', async (t) => {
    const names = ['a', 'b', 'c', 'd'];
    const started = await Promise.all(names.map((name) => startNode(t, name)));
    const nodes = Object.fromEntries(started.map((node) => [`127.0.0.1:${portOf(node)}`, 1]));
    const client = await open(t, { type: 'chash', hash_on: 'header', key: 'X-User', nodes });
    const ask = async (path: string, headers: Record<string, string>) => {
      const { body } = await request(`http://svc${path}`, { dispatcher: client.dispatcher, headers });
      return (await body.text()).split(' ')[0];
    };
    const byUser = await Promise.all(Array.from({ length: 30 }, (_, n) => ask(`/${n}`, { 'x-user': 'ann' })));
    assert.equal(new Set(byUser).size, 1);
    const users = await Promise.all(Array.from({ length: 30 }, (_, n) => ask('/', { 'X-User': `u${n}` })));
    const paths = await Promise.all(Array.from({ length: 30 }, (_, n) => ask(`/${n}`, {})));
    assert.deepEqual([new Set(users).size, new Set(paths).size], [4, 4]);
    assert.equal(await ask('/3', {}), paths[3]);
  });

  it('names what is wrong with the options', async () => {
    await assert.rejects(upstream({ nodes: { nonsense: 1 } }), (error) => {
      return error instanceof HeadgateError && error.code === 'BAD_CONFIG' && /nodes/.test(error.message);
    });
  });

  it('says why there is no node', async (t) => {
    const [port] = await freePorts(1);
    const client = await upstream({
      service_name: 'web',
      discovery_type: 'consul',
      discovery: { consul: { servers: [`http://127.0.0.1:${port}`] } },
    });
    t.after(() => client.close(0));
    await assert.rejects(client.ready(200), { code: 'NO_NODE', message: /ECONNREFUSED/ });
    assert.equal(client.pick(), null);
    await assert.rejects(request('http://svc/', { dispatcher: client.dispatcher }), { code: 'NO_NODE' });
  });
});
