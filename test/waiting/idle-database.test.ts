import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { HeadgateProcess } from '../support/headgate.ts';
import { INSTALL_DATABASES, initdb, Postgres, PsqlSession, psql } from '../support/postgres.ts';
import { serverSuite } from '../support/server-suite.ts';

/** How long the session is silent; the gate takes 600. */
const SECONDS = Number(process.env.IDLE_SECONDS ?? 5);
const ROUNDS = 5;

serverSuite('a session of psql that is idle', initdb, INSTALL_DATABASES, () => {
  let server: Postgres;
  let headgate: HeadgateProcess;

  const configuration = (generation: number) => ({
    listen: [],
    stream: { idle_timeout: 2 * SECONDS + 60 },
    stream_listen: [{ address: '127.0.0.1:0' }],
    admin: { address: '127.0.0.1:0' },
    workers: 2,
    shutdown: { delay: 0, drain: 0 },
    stream_routes: [{ id: 'db', upstream: { nodes: { [`127.0.0.1:${server.port}`]: 1 + generation } } }],
  });

  before(async () => {
    server = await Postgres.start();
    headgate = await HeadgateProcess.start(configuration(0));
  });

  after(async () => {
    await headgate?.stop();
    await server?.close();
  });

  it(`is the same after ${SECONDS} s, with reloads and others beside it`, {
    timeout: (SECONDS + 120) * 1000,
  }, async () => {
    const session = new PsqlSession(headgate.tcpPort);
    const id = await session.ask('select pg_backend_pid()');
    assert.match(id ?? '', /^\d+$/);
    for (let generation = 1; generation <= ROUNDS; generation++) {
      await pause((SECONDS * 1000) / ROUNDS);
      const seen = headgate.events.length;
      headgate.configure(configuration(generation));
      headgate.signal('SIGHUP');
      await headgate.event('config.reloaded', seen);
      assert.notEqual(await psql(headgate.tcpPort, 'select pg_backend_pid()'), id, 'another session beside it');
    }
    assert.equal(await session.ask('select pg_backend_pid()'), id);
    await session.close();
  });
});
