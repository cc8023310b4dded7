import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess, runHeadgate } from '../support/headgate.ts';

const STACK = /\n\s+at .*\(/;
const LOCAL = {
  listen: ['127.0.0.1:0'],
  admin: { address: '127.0.0.1:0' },
  workers: 1,
  shutdown: { delay: 0, drain: 5 },
};

describe('headgate run', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'headgate-run-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const file = (text: string) => {
    const path = join(directory, 'headgate.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('prints every error of a bad file with its place, and starts nothing', async () => {
    const path = file(
      'listenn: ["127.0.0.1:0"]\nroutes:\n  - id: a\n    uri: /x\n  - id: a\n    uri: y\n    upstream_id: nowhere\n',
    );
    const { code, stderr } = await runHeadgate(['run', '-c', path]);
    assert.equal(code, 1);
    assert.match(stderr, /headgate\.yaml:1:1: listenn: .*"listen"/);
    assert.match(stderr, /:3:5: routes\[0\]/);
    assert.match(stderr, /:5:9: routes\[1\]\.id: /);
    assert.match(stderr, /:7:18: routes\[1\]\.upstream_id: /);
    assert.doesNotMatch(stderr, STACK);
  });

  it('says so when the file is not there', async () => {
    const { code, stderr } = await runHeadgate(['run', '-c', join(directory, 'absent.yaml')]);
    assert.equal(code, 1);
    assert.match(stderr, /absent\.yaml.*(no such file|does not exist|ENOENT)/);
    assert.doesNotMatch(stderr, STACK);
  });

  for (const [what, settings] of [
    ['listen', (port: number) => ({ ...LOCAL, listen: [`127.0.0.1:${port}`] })],
    ['stream_listen', (port: number) => ({ ...LOCAL, stream_listen: [{ address: `127.0.0.1:${port}` }] })],
    ['admin', (port: number) => ({ ...LOCAL, admin: { address: `127.0.0.1:${port}` } })],
    ['registry', (port: number) => ({ ...LOCAL, registry: { address: `127.0.0.1:${port}` } })],
  ] as const) {
    it(`names the port and the remedy when ${what} is in use`, async () => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const { code, stderr } = await runHeadgate(['run', '-c', file(JSON.stringify(settings(port)))]);
      taken.close();
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}`));
      assert.match(stderr, new RegExp(what));
      assert.doesNotMatch(stderr, STACK);
    });
  }

  it('says once why the access log can not be opened', async () => {
    const log = { access: join(directory, 'absent', 'access.log') };
    const { code, stderr } = await runHeadgate(['run', '-c', file(JSON.stringify({ ...LOCAL, log }))]);
    assert.equal(code, 1);
    assert.equal(stderr.split('ENOENT').length, 2, stderr);
    assert.doesNotMatch(stderr, STACK);
  });

  it('refuses a second instance on the same port, although both could share it', async () => {
    const first = await HeadgateProcess.start(LOCAL);
    const second = { ...LOCAL, workers: 2, listen: [`127.0.0.1:${first.httpPort}`] };
    const { code, stderr } = await runHeadgate(['run', '-c', file(JSON.stringify(second))]);
    await first.stop();
    assert.equal(code, 1);
    assert.match(stderr, /another program listens there/);
  });

  it('ends with 2 and a hint for a wrong command line', async () => {
    const { code, stderr } = await runHeadgate(['run', '--no-such-flag']);
    assert.equal(code, 2);
    assert.match(stderr, /headgate help/);
  });

  it('runs on flags alone, with the embedded registry, and routes what registers there', async () => {
    const [registry] = await freePorts(1);
    const address = `127.0.0.1:${registry}`;
    const headgate = await HeadgateProcess.start(null, [
      ...['--registry', address, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--workers', '1'],
    ]);
    const node = createHttpServer((_request, answer) => answer.end('mine')).listen(0, '127.0.0.1');
    await once(node, 'listening');
    const body = JSON.stringify({
      Name: 'mine',
      Address: '127.0.0.1',
      Port: (node.address() as AddressInfo).port,
      Tags: ['headgate.path=/mine/*'],
    });
    const answer = await fetch(`http://${address}/v1/agent/service/register`, { method: 'PUT', body });
    assert.equal(answer.status, 200);
    await headgate.event('route.added');
    let text = '';
    while (text !== 'mine') text = await (await fetch(`http://127.0.0.1:${headgate.httpPort}/mine/x`)).text();
    node.closeAllConnections();
    node.close();
    await headgate.stop(0);
  });
});

describe('shutdown', () => {
  it('is not ready at once, serves what is under way, and ends with 0', async () => {
    const node = createHttpServer((_request, answer) => setTimeout(() => answer.end('late'), 400)).listen(
      0,
      '127.0.0.1',
    );
    await once(node, 'listening');
    const headgate = await HeadgateProcess.start({
      ...LOCAL,
      shutdown: { delay: 0.5, drain: 10 },
      upstreams: [{ id: 'web', nodes: { [`127.0.0.1:${(node.address() as AddressInfo).port}`]: 1 } }],
      routes: [{ id: 'web', uri: '/*', upstream_id: 'web' }],
    });
    const url = `http://127.0.0.1:${headgate.httpPort}/`;
    const early = fetch(url);
    await pause(100);
    headgate.signal('SIGTERM');
    await headgate.event('shutdown.begun');
    const ready = await fetch(`${headgate.adminUrl}/readyz`);
    assert.equal(ready.status, 503);
    assert.deepEqual(await ready.json(), { ready: false, reasons: ['shutting down'] });
    const during = await fetch(url);
    assert.equal(during.status, 200, 'during the delay new requests are served');
    assert.equal(await (await early).text(), 'late');
    assert.equal(await during.text(), 'late');
    const exit = await headgate.exited();
    node.closeAllConnections();
    node.close();
    await headgate.stop();
    assert.equal(exit.code, 0);
  });

  it('cuts what does not end by the deadline, and ends with 1', async () => {
    const node = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(node, 'listening');
    const headgate = await HeadgateProcess.start({
      ...LOCAL,
      shutdown: { delay: 0, drain: 0.3 },
      upstreams: [{ id: 'web', nodes: { [`127.0.0.1:${(node.address() as AddressInfo).port}`]: 1 } }],
      routes: [{ id: 'web', uri: '/*', upstream_id: 'web' }],
    });
    const client = connect(headgate.httpPort, '127.0.0.1');
    client.on('error', () => {});
    client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
    const view = async () => (await headgate.admin<{ nodes: { inflight: number }[] }[]>('/v1/upstreams'))[0]!;
    while ((await view()).nodes[0]!.inflight === 0) await pause(10);
    headgate.signal('SIGTERM');
    const exit = await headgate.exited();
    client.destroy();
    node.close();
    await headgate.stop();
    assert.equal(exit.code, 1);
    assert.match(headgate.events.at(-1)?.message ?? '', /1 connections? (was|were) cut/);
  });

  it('ends at once on a second signal', async () => {
    const headgate = await HeadgateProcess.start({ ...LOCAL, shutdown: { delay: 300, drain: 300 } });
    headgate.signal('SIGTERM');
    await headgate.event('shutdown.begun');
    headgate.signal('SIGTERM');
    assert.equal((await headgate.exited()).code, 0);
    await headgate.stop();
  });
});
