import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { selfSigned } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { connection, INSTALL_DATABASES, initdb, Postgres, psql } from '../support/postgres.ts';
import { program } from '../support/programs.ts';
import { ServerProcess } from '../support/server-process.ts';
import { serverSuite } from '../support/server-suite.ts';

const run = promisify(execFile);
/** How long pgbench runs through the death of a server; the gate takes 60. */
const SECONDS = Number(process.env.PGBENCH_SECONDS ?? 5);
const NO_FAILURE = /transactions actually processed: [1-9][\s\S]*number of failed transactions: 0 /;
const COMMON = {
  listen: ['127.0.0.1:0'],
  admin: { address: '127.0.0.1:0' },
  workers: 2,
  shutdown: { delay: 0, drain: 1 },
};

/** A pgbench of eight clients for some seconds: what it said, however it ended. */
function pgbench(port: number, seconds: number, ...more: string[]): Promise<string> {
  const load = ['-n', '-c', '8', '-j', '2', '-T', String(seconds), ...more];
  return run('pgbench', [...connection(port), ...load, 'postgres'], { maxBuffer: 1e8 }).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}

serverSuite('PostgreSQL behind a stream route', initdb, INSTALL_DATABASES, () => {
  const servers: Postgres[] = [];
  let headgate: HeadgateProcess;

  const inflight = async () => {
    const [db] = await headgate.admin<{ nodes: { inflight: number }[] }[]>('/v1/upstreams');
    return db!.nodes.map((node) => node.inflight);
  };

  before(async () => {
    for (let count = 0; count < 2; count++) {
      const server = await Postgres.start();
      servers.push(server);
      await run('pgbench', [...connection(server.port), '-i', '-q', '-s', '1', 'postgres']);
    }
    const nodes = Object.fromEntries(servers.map(({ port }) => [`127.0.0.1:${port}`, 1]));
    headgate = await HeadgateProcess.start({
      ...COMMON,
      stream_listen: [{ address: '127.0.0.1:0' }],
      stream_routes: [{ id: 'db', upstream: { type: 'least_conn', nodes } }],
    });
  });

  after(async () => {
    await headgate?.stop();
    for (const server of servers) await server.close();
  });

  it('psql asks, and gets a large answer whole', async () => {
    assert.equal(await psql(headgate.tcpPort, 'select 6 * 7'), '42');
    assert.equal((await psql(headgate.tcpPort, "select repeat('x', 5000000)")).length, 5_000_000);
  });

  it('pgbench runs without a failed transaction, and with a connection for each', { timeout: 60_000 }, async () => {
    for (const more of [[], ['-C']]) {
      const said = await pgbench(headgate.tcpPort, 2, ...more);
      assert.match(said, NO_FAILURE);
      assert.doesNotMatch(said, /error/);
    }
    while ((await inflight()).some((count) => count > 0)) await pause(20);
  });

  it(`in the middle of a pgbench of ${SECONDS} s one server dies: only its clients break, new ones connect at once`, {
    timeout: (SECONDS + 60) * 1000,
  }, async (t) => {
    const bench = pgbench(headgate.tcpPort, SECONDS);
    while ((await inflight()).some((count) => count < 4)) await pause(50);
    await pause((SECONDS * 1000) / 2);
    assert.deepEqual(await inflight(), [4, 4]);
    await servers[1]!.kill();
    for (let count = 0; count < 20; count++) assert.equal(await psql(headgate.tcpPort, 'select 1'), '1');
    const fresh = await pgbench(headgate.tcpPort, Math.max(1, Math.floor(SECONDS / 4)), '-C');
    assert.match(fresh, NO_FAILURE);
    assert.doesNotMatch(fresh, /error/);
    const said = await bench;
    t.diagnostic(/number of transactions actually processed: \d+/.exec(said)?.[0] ?? said);
    assert.match(said, NO_FAILURE, 'the clients of the other server went on');
    assert.equal(said.match(/client \d+ (?:script \d+ )?aborted/g)?.length, 4, said);
  });
});

serverSuite('Redis behind stream routes', program('redis-server'), INSTALL_DATABASES, (binary) => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-redis-'));
  const servers: ServerProcess[] = [];
  let headgate: HeadgateProcess;
  let plain: number;
  let secure: number;
  let ended: number;

  const cli = async (port: number, ...args: string[]) =>
    (await run('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...args])).stdout.trim();
  const tls = (name: string) => ['--tls', '--cacert', join(folder, `${name}.pem`), '--sni', `${name}.db.example`];

  before(async () => {
    const [a = 0, aTls = 0, b = 0, bTls = 0, ...free] = await freePorts(7);
    [plain = 0, secure = 0, ended = 0] = free;
    for (const [name, port, tlsPort] of [
      ['a', a, aTls],
      ['b', b, bTls],
    ] as const) {
      const { cert, key } = selfSigned(`${name}.db.example`, '127.0.0.1');
      writeFileSync(join(folder, `${name}.pem`), cert);
      writeFileSync(join(folder, `${name}.key`), key);
      const files = ['--tls-cert-file', join(folder, `${name}.pem`), '--tls-key-file', join(folder, `${name}.key`)];
      const options = ['--bind', '127.0.0.1', '--save', '', '--dir', folder, '--tls-auth-clients', 'no'];
      const server = new ServerProcess('Redis', binary, [
        '--port',
        `${port}`,
        '--tls-port',
        `${tlsPort}`,
        ...files,
        ...options,
      ]);
      servers.push(server);
      await server.start(async () => (await cli(port, 'set', 'name', name)) === 'OK');
    }
    const node = (port: number) => ({ nodes: { [`127.0.0.1:${port}`]: 1 } });
    headgate = await HeadgateProcess.start({
      ...COMMON,
      stream_listen: [
        { address: `127.0.0.1:${plain}` },
        { address: `127.0.0.1:${secure}` },
        { address: `127.0.0.1:${ended}`, tls: { cert: join(folder, 'a.pem'), key: join(folder, 'a.key') } },
      ],
      stream_routes: [
        { id: 'plain', server_port: plain, upstream: node(a) },
        { id: 'a', server_port: secure, sni: 'a.db.example', upstream: node(aTls) },
        { id: 'b', server_port: secure, sni: '*.db.example', upstream: node(bTls) },
        {
          id: 'again',
          server_port: ended,
          upstream: { ...node(bTls), scheme: 'tls', tls: { sni: 'b.db.example', ca: join(folder, 'b.pem') } },
        },
      ],
    });
  });

  after(async () => {
    await headgate?.stop();
    for (const server of servers) await server.end('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });

  it('redis-benchmark, one by one and pipelined', async () => {
    const options = ['-h', '127.0.0.1', '-p', String(plain), '-t', 'set,get', '--csv', '-d', '100'];
    for (const [count, pipelined] of [
      ['5000', '1'],
      ['50000', '16'],
    ] as const) {
      const { stdout } = await run('redis-benchmark', [...options, '-n', count, '-P', pipelined, '-c', '20']);
      assert.equal(stdout.match(/^"(?:SET|GET)","[\d.]+"/gm)?.length, 2, stdout);
    }
  });

  it('TLS is passed on to the server that the client names, with that server’s certificate', async () => {
    assert.equal(await cli(secure, ...tls('a'), 'get', 'name'), 'a');
    assert.equal(await cli(secure, ...tls('b'), 'get', 'name'), 'b');
    await assert.rejects(cli(secure, 'get', 'name'), 'without a name there is no route');
  });

  it('TLS is ended and spoken again; a certificate that is replaced holds for the next client', async () => {
    assert.equal(await cli(ended, ...tls('a'), 'get', 'name'), 'b');
    const renewed = selfSigned('a.db.example', '127.0.0.1');
    const seen = headgate.events.length;
    writeFileSync(join(folder, 'a.key'), renewed.key);
    writeFileSync(join(folder, 'a.pem'), renewed.cert);
    await headgate.event('certificate.reloaded', seen);
    assert.equal(await cli(ended, ...tls('a'), 'get', 'name'), 'b');
    writeFileSync(join(folder, 'a.pem'), 'no certificate');
    await headgate.event('certificate.refused', seen);
    writeFileSync(join(folder, 'c.pem'), renewed.cert);
    assert.equal(await cli(ended, '--tls', '--cacert', join(folder, 'c.pem'), '--sni', 'x', 'get', 'name'), 'b');
  });
});
