import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../support/plane.ts';
import { UdpFixture } from '../support/udp-fixture.ts';

const SESSIONS = 80;

interface State {
  readonly inflight: number;
  readonly sessions: number;
  readonly refused: number;
  readonly short: number;
  readonly blamed: number;
  readonly demoted: boolean;
  readonly reasons: readonly string[];
}

test('a lack of descriptors costs only the sessions that need one, and is blamed on no node', {
  timeout: 30_000,
}, async (t) => {
  const fixture = new UdpFixture(t);
  const node = await fixture.node();
  const clients = await Promise.all(Array.from({ length: SESSIONS }, () => fixture.client()));
  const script = fileURLToPath(new URL('../support/udp-shortage.ts', import.meta.url));
  const proxy = spawn('sh', ['-c', 'ulimit -n 60; exec "$0" "$@"', process.execPath, script, String(node.port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  try {
    const [{ port }] = (await once(proxy, 'message')) as [{ port: number }];
    const ask = async () => {
      proxy.send('state');
      return ((await once(proxy, 'message')) as [State])[0];
    };
    for (const client of clients) client.send('x', port);
    let state = await ask();
    while (state.sessions + state.refused < SESSIONS) state = await ask();
    assert.ok(state.sessions > 0 && state.refused > 0, `${state.sessions} sessions, ${state.refused} refused`);
    assert.deepEqual([state.blamed, state.demoted, state.reasons], [0, false, ['shortage']]);
    assert.equal(state.short, state.refused, 'that is what their end is called');
    assert.equal(state.inflight, state.sessions);
    const served = () => clients.filter(({ messages }) => messages.length === 1);
    await until(() => served().length === state.sessions);
    const [first] = served();
    first!.send('still here', port);
    await until(() => first!.messages.length === 2);
  } finally {
    if (proxy.connected) proxy.disconnect();
    if (proxy.exitCode === null) await once(proxy, 'exit');
  }
});
