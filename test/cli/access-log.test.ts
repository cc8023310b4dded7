import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HeadgateProcess } from '../support/headgate.ts';
import { echo, TcpBackend, until } from '../support/tcp-backend.ts';
import { UdpNode, UdpPeer } from '../support/udp-peer.ts';

interface Line {
  readonly protocol: string;
  readonly listener: string;
  readonly [field: string]: unknown;
  readonly end: { readonly by: string; readonly reason?: string; readonly cause: string | null };
}

test('requests, streams and sessions of all workers are in one file, those of the last moment too', {
  timeout: 60_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-access-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'access.log');
  const lines = (): Line[] => {
    const text = readFileSync(file, 'utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  };
  const web = createHttpServer((_request, answer) => answer.end('page')).listen(0, '127.0.0.1');
  await once(web, 'listening');
  t.after(() => web.close());
  const db = await TcpBackend.start(echo);
  const dns = await UdpNode.open();
  t.after(() => Promise.all([db.close(), dns.close()]));
  const upstream = (port: number) => ({ nodes: { [`127.0.0.1:${port}`]: 1 } });
  const headgate = await HeadgateProcess.start({
    listen: ['127.0.0.1:0'],
    stream_listen: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', protocol: 'udp', udp: { responses: 1 } }],
    admin: { address: '127.0.0.1:0' },
    workers: 2,
    shutdown: { delay: 0, drain: 0.2 },
    log: { access: file },
    routes: [{ id: 'site', uri: '/*', upstream: upstream((web.address() as AddressInfo).port) }],
    stream_routes: [
      { id: 'db', protocol: 'tcp', upstream: upstream(db.port) },
      { id: 'dns', protocol: 'udp', upstream: upstream(dns.port) },
    ],
  });
  t.after(() => headgate.stop(0));
  await (await fetch(`http://127.0.0.1:${headgate.httpPort}/page`)).text();
  const opened = Array.from({ length: 8 }, () => connect(headgate.tcpPort, '127.0.0.1').on('error', () => {}));
  for (const socket of opened) {
    socket.write('SELECT 1');
    await once(socket, 'data');
  }
  const [last, ...others] = opened;
  for (const socket of others) socket.end();
  const asker = await UdpPeer.open();
  t.after(() => asker.close());
  asker.send('question', headgate.udpPort);
  await until(() => asker.messages.length === 1);
  await until(() => lines().length === 9);
  const ends = 'headgate_stream_ends_total{route="db",upstream="stream_route:db",reason="client_closed"}';
  assert.equal(await headgate.metric(ends), 7);
  const { code } = await headgate.stop();
  assert.equal(code, 1, 'something was cut');
  last!.destroy();

  const of = (protocol: string) => lines().filter((line) => line.protocol === protocol);
  assert.equal(lines().length, 10);
  assert.deepEqual(
    of('HTTP/1.1').map(({ method, route, status }) => [method, route, status]),
    [['GET', 'site', 200]],
  );
  const streams = of('tcp');
  assert.equal(streams.length, 8);
  for (const { route, client, bytes_in, bytes_out, tries } of streams) {
    assert.deepEqual([route, client, bytes_in, bytes_out], ['db', '127.0.0.1', 8, 8]);
    assert.equal((tries as { node: string }[])[0]?.node, `127.0.0.1:${db.port}`);
  }
  assert.deepEqual(
    streams.map(({ end }) => end.reason),
    [...others.map(() => 'client_closed'), 'shutdown'],
  );
  const [session] = of('udp');
  assert.deepEqual(
    [session?.route, session?.client_port, session?.datagrams_in, session?.datagrams_out, session?.end.reason],
    ['dns', asker.port, 1, 1, 'answered'],
  );
});
