import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { UpstreamView } from '../../src/admin/views.ts';
import { BIND_COMMAND, digBinary } from '../support/dns-servers.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { NodeProcess } from '../support/node-process.ts';
import { serverSuite } from '../support/server-suite.ts';

const run = promisify(execFile);

const LOCAL = {
  listen: ['127.0.0.1:0'],
  admin: { address: '127.0.0.1:0' },
  dns_listen: { address: '127.0.0.1:0', domain: 'lb.internal', ttl: 2 },
  workers: 1,
  shutdown: { delay: 0, drain: 2 },
};

const CHECKS = {
  active: {
    type: 'tcp',
    healthy: { interval: 0.2, successes: 1 },
    unhealthy: { interval: 0.2, tcp_failures: 1, timeouts: 1 },
  },
};

function dnsPort(headgate: HeadgateProcess): number {
  const { dns } = headgate.events.find(({ event }) => event === 'gateway.started')!;
  return (dns as { port: number }).port;
}

serverSuite('the DNS listener, asked by dig', digBinary(), BIND_COMMAND, (binary) => {
  let headgate: HeadgateProcess;
  let first: NodeProcess;
  let second: NodeProcess;

  const dig = async (...args: string[]): Promise<string> => {
    const { stdout } = await run(binary, ['@127.0.0.1', '-p', String(dnsPort(headgate)), '+tries=1', ...args]);
    return stdout;
  };
  /** What `dig +short` prints, sorted. */
  const short = async (...args: string[]) => (await dig('+short', ...args)).trim().split('\n').sort();

  before(async () => {
    first = await NodeProcess.start('first');
    second = await NodeProcess.start('second');
    const many = Array.from({ length: 200 }, (_, index) => ({ host: `127.2.0.${index + 1}`, port: 1000 + index }));
    headgate = await HeadgateProcess.start({
      ...LOCAL,
      upstreams: [
        {
          id: 'web',
          nodes: [
            { host: '127.0.0.1', port: first.port, weight: 5 },
            { host: '127.0.0.1', port: second.port, weight: 3 },
            { host: '127.0.0.9', port: 9, priority: -1 },
            { host: '127.0.0.8', port: 9, weight: 0 },
          ],
          checks: CHECKS,
        },
        { id: 'six', nodes: [{ host: '2001:db8::1', port: 80 }] },
        { id: 'many', nodes: many },
      ],
    });
  });
  after(async () => {
    await headgate?.stop();
    await first?.kill();
    await second?.kill();
  });

  const untilHealthIs = async (index: number, health: string) => {
    const web = async () => (await headgate.admin<UpstreamView[]>('/v1/upstreams')).find(({ id }) => id === 'web');
    while ((await web())?.nodes[index]?.health !== health) await pause(20);
  };

  it('gives addresses and services', async () => {
    await untilHealthIs(0, 'healthy');
    await untilHealthIs(1, 'healthy');
    await untilHealthIs(2, 'unhealthy');
    assert.deepEqual(await short('web.lb.internal', 'A'), ['127.0.0.1']);
    assert.deepEqual(await short('six.lb.internal', 'AAAA'), ['2001:db8::1']);
    assert.deepEqual(
      await short('_http._tcp.WEB.lb.internal', 'SRV'),
      [`0 3 ${second.port} 7f000001.addr.lb.internal.`, `0 5 ${first.port} 7f000001.addr.lb.internal.`].sort(),
    );
    const full = await dig('web.lb.internal', 'SRV');
    assert.match(full, /status: NOERROR/);
    assert.match(full, /flags: qr aa rd;/);
    assert.match(full, /EDNS: version: 0, flags:; udp: 1232/);
    assert.match(full, /7f000001\.addr\.lb\.internal\.\s+2\s+IN\s+A\s+127\.0\.0\.1/);
    assert.doesNotMatch(full, /malformed|FORMERR|extra bytes/i);
  });

  it('leaves out the node that died, and gives it again when it is back', async () => {
    const { port } = second;
    await second.kill();
    await untilHealthIs(1, 'unhealthy');
    assert.deepEqual(await short('web.lb.internal', 'SRV'), [`0 5 ${first.port} 7f000001.addr.lb.internal.`]);
    second = await NodeProcess.start('second', port);
    await untilHealthIs(1, 'healthy');
    assert.equal((await short('web.lb.internal', 'SRV')).length, 2);
  });

  it('gives 200 services, by TCP when they do not fit, and cuts them short by UDP alone', async () => {
    assert.equal((await short('many.lb.internal', 'SRV')).filter((line) => /addr/.test(line)).length, 200);
    assert.equal((await short('+tcp', 'many.lb.internal', 'A')).length, 200);
    const cut = await dig('+ignore', '+bufsize=4096', 'many.lb.internal', 'SRV');
    assert.match(cut, /flags: qr aa tc rd;/);
    assert.ok(Number(/MSG SIZE {2}rcvd: (\d+)/.exec(cut)?.[1]) <= 1232);
    const plain = await dig('+ignore', '+noedns', 'many.lb.internal', 'A');
    assert.ok(Number(/MSG SIZE {2}rcvd: (\d+)/.exec(plain)?.[1]) <= 512);
    assert.doesNotMatch(plain, /EDNS/);
  });

  it('says what is not there', async () => {
    const none = await dig('none.lb.internal', 'A');
    assert.match(none, /status: NXDOMAIN/);
    assert.match(none, /lb\.internal\.\s+2\s+IN\s+SOA/);
    assert.match(await dig('six.lb.internal', 'A'), /status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/);
    assert.match(await dig('example.com', 'A'), /status: REFUSED/);
    assert.match(await dig('+edns=1', '+noednsnegotiation', 'web.lb.internal', 'A'), /status: BADVERS/);
  });
});
