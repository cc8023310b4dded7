/** TLS sessions are resumed at whichever worker accepts, with a client that is not ours and with Node's. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect, type SecureVersion } from 'node:tls';
import { promisify } from 'node:util';
import { selfSigned } from '../support/certificates.ts';
import { HeadgateProcess } from '../support/headgate.ts';
import { echoServer } from '../support/tcp-echo.ts';

const run = promisify(execFile);

/** By chance all of them at one of three workers: once in 3^19. */
const RECONNECTS = 20;
const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];
/** One has a certificate of `ssls`, the other the listener's own. */
const NAMES = ['db.example', 'own.example'] as const;

describe('TLS sessions over three workers', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-sessions-'));
  const own = selfSigned('own.example');
  let db = selfSigned('db.example');
  let node: Awaited<ReturnType<typeof echoServer>>;
  let headgate: HeadgateProcess;

  const configuration = (generation: number) => ({
    listen: [],
    stream_listen: [
      { address: '127.0.0.1:0', tls: own },
      { address: '127.0.0.1:0', tls: own },
    ],
    admin: { address: '127.0.0.1:0' },
    workers: 3,
    shutdown: { delay: 0, drain: 0 },
    ssls: [{ id: 'db', sni: 'db.example', ...db }],
    upstreams: [{ id: 'echo', nodes: { [`127.0.0.1:${node.port}`]: generation } }],
    stream_routes: [{ id: 'echo', upstream_id: 'echo' }],
  });

  before(async () => {
    node = await echoServer();
    headgate = await HeadgateProcess.start(configuration(1));
  });

  after(async () => {
    await headgate?.stop();
    node?.close();
    rmSync(folder, { recursive: true });
  });

  const reload = async (generation: number) => {
    const seen = headgate.events.length;
    headgate.configure(configuration(generation));
    headgate.signal('SIGHUP');
    await headgate.event('config.reloaded', seen);
  };

  /** One connection that says something and hears it again: whether it resumed, and the session to go on with. */
  const visit = async (port: number, servername: string, version: SecureVersion, session?: Buffer) => {
    const options = { port, host: '127.0.0.1', servername, minVersion: version, maxVersion: version };
    const socket = connect({ ...options, rejectUnauthorized: false, ...(session ? { session } : {}) });
    let next = session;
    socket.on('session', (ticket: Buffer) => (next = ticket));
    socket.write('x');
    await once(socket, 'data');
    const resumed = socket.isSessionReused();
    socket.destroy();
    return { resumed, session: next };
  };
  /** Of so many connections one after the other, each with what the one before got, those that resumed. */
  const resumed = async (servername: string, version: SecureVersion, first?: Buffer) => {
    let { session } = first ? { session: first } : await visit(headgate.tcpPorts[0]!, servername, version);
    let count = 0;
    for (let visits = 0; visits < RECONNECTS; visits++) {
      const next = await visit(headgate.tcpPorts[0]!, servername, version, session);
      session = next.session;
      if (next.resumed) count += 1;
    }
    return { count, session };
  };

  it('every reconnect resumes, also over a reload and a new certificate', async () => {
    for (const version of VERSIONS) {
      for (const name of NAMES) {
        const what = `${version} to ${name}`;
        const before = await resumed(name, version);
        assert.equal(before.count, RECONNECTS, what);
        await reload(2);
        const reloaded = await resumed(name, version, before.session);
        assert.equal(reloaded.count, RECONNECTS, `${what} after a reload`);
        db = selfSigned('db.example');
        await reload(1);
        const renewed = await resumed(name, version, reloaded.session);
        assert.equal(renewed.count, RECONNECTS, `${what} after a new certificate`);
      }
    }
  });

  it('a session that began at one listener does not go on at another', async () => {
    for (const version of VERSIONS) {
      const { session } = await visit(headgate.tcpPorts[0]!, 'db.example', version);
      const elsewhere = await visit(headgate.tcpPorts[1]!, 'db.example', version, session);
      assert.equal(elsewhere.resumed, false, version);
    }
  });

  it('openssl resumes with a session that it kept in a file', async () => {
    for (const flag of ['-tls1_2', '-tls1_3']) {
      const file = join(folder, `session${flag}`);
      const target = ['-connect', `127.0.0.1:${headgate.tcpPorts[0]}`, '-servername', 'db.example', flag];
      const first = await talk(['s_client', ...target, '-sess_out', file]);
      assert.match(first, /ticket lifetime hint: 300 /, flag);
      for (let visits = 0; visits < 8; visits++) {
        const said = await talk(['s_client', ...target, '-sess_in', file]);
        assert.match(said, /^Reused, TLSv1/m, flag);
      }
    }
  });
});

/** What openssl prints of a connection over which a line went and came back: by then it has its tickets. */
async function talk(args: readonly string[]): Promise<string> {
  const running = run('openssl', args);
  running.child.stdout!.on('data', (text: string) => {
    if (text.includes('echo of this')) running.child.stdin!.end();
  });
  running.child.stdin!.write('echo of this\n');
  return (await running).stdout;
}
