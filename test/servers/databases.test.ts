import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { selfSigned } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { program } from '../support/programs.ts';
import { ServerProcess } from '../support/server-process.ts';
import { serverSuite } from '../support/server-suite.ts';

const run = promisify(execFile);
const POSTGRES_BIN = '/usr/lib/postgresql/*/bin';
/** How long pgbench runs; 60 for the record. */
const SECONDS = process.env.PGBENCH_SECONDS ?? '5';
const INSTALL = 'bash test/servers/databases.sh';
const COMMON = {
  listen: ['127.0.0.1:0'],
  admin: { address: '127.0.0.1:0' },
  workers: 2,
  shutdown: { delay: 0, drain: 1 },
};

/** A command as a user that is not root, which PostgreSQL refuses to be. */
function unprivileged(command: readonly string[]): readonly [string, readonly string[]] {
  const [name = '', ...rest] = command;
  if (process.getuid?.() !== 0) return [name, rest];
  return ['setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', name, ...rest]];
}

serverSuite(
  'PostgreSQL behind a stream route',
  program('psql') && program('initdb', POSTGRES_BIN),
  INSTALL,
  (initdb) => {
    const folder = mkdtempSync(join(tmpdir(), 'headgate-postgres-'));
    const servers: ServerProcess[] = [];
    let headgate: HeadgateProcess;
    let ports: number[];

    const connection = (port: number) => ['-h', '127.0.0.1', '-p', String(port), '-U', 'test'];
    const psql = async (port: number, sql: string) =>
      (await run('psql', [...connection(port), '-At', '-c', sql, 'postgres'])).stdout.trim();

    before(async () => {
      chmodSync(folder, 0o777);
      ports = await freePorts(2);
      for (const port of ports) {
        const data = join(folder, String(port));
        const made = unprivileged([initdb, '-D', data, '-U', 'test', '-A', 'trust', '--no-sync']);
        await run(made[0], [...made[1]], { cwd: folder });
        const options = [
          '-c',
          `unix_socket_directories=${folder}`,
          '-c',
          'listen_addresses=127.0.0.1',
          '-c',
          'fsync=off',
        ];
        const postgres = program('postgres', POSTGRES_BIN)!;
        const [command, args] = unprivileged([postgres, '-D', data, '-p', String(port), ...options]);
        const server = new ServerProcess('PostgreSQL', command, args);
        servers.push(server);
        await server.start(async () => (await psql(port, 'select 1')) === '1');
        await run('pgbench', [...connection(port), '-i', '-q', '-s', '1', 'postgres']);
      }
      headgate = await HeadgateProcess.start({
        ...COMMON,
        stream_listen: [{ address: '127.0.0.1:0' }],
        stream_routes: [
          {
            id: 'db',
            upstream: { type: 'least_conn', nodes: Object.fromEntries(ports.map((port) => [`127.0.0.1:${port}`, 1])) },
          },
        ],
      });
    });

    after(async () => {
      await headgate?.stop();
      for (const server of servers) await server.end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    });

    it('psql asks, and gets a large answer whole', async () => {
      assert.equal(await psql(headgate.tcpPort, 'select 6 * 7'), '42');
      const { stdout } = await run(
        'psql',
        [...connection(headgate.tcpPort), '-At', '-c', "select repeat('x', 5000000)", 'postgres'],
        {
          maxBuffer: 1e8,
        },
      );
      assert.equal(stdout.trim().length, 5_000_000);
    });

    it('pgbench runs without a failed transaction', { timeout: 180_000 }, async () => {
      const { stdout } = await run('pgbench', [
        ...connection(headgate.tcpPort),
        '-n',
        '-c',
        '8',
        '-j',
        '2',
        '-T',
        SECONDS,
        'postgres',
      ]);
      assert.match(stdout, /number of failed transactions: 0 /);
      assert.match(stdout, /number of transactions actually processed: [1-9]/);
    });

    it('when one server dies in the middle, new connections succeed at once', { timeout: 60_000 }, async () => {
      const bench = run('pgbench', [
        ...connection(headgate.tcpPort),
        '-n',
        '-c',
        '8',
        '-j',
        '2',
        '-T',
        '4',
        'postgres',
      ]).then(
        ({ stdout, stderr }) => stdout + stderr,
        (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
      );
      const series = `headgate_listener_connections{listener="127.0.0.1:${headgate.tcpPort}"}`;
      while ((await headgate.metric(series)) < 8) await pause(50);
      await pause(500);
      await servers[1]!.end('SIGKILL');
      for (let count = 0; count < 20; count++) assert.equal(await psql(headgate.tcpPort, 'select 1'), '1');
      assert.match(
        await bench,
        /number of transactions actually processed: [1-9]/,
        'the clients of the other server went on',
      );
    });
  },
);

serverSuite('Redis behind stream routes', program('redis-server'), INSTALL, (binary) => {
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
