import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { echo, TcpBackend, TcpClient, until } from '../support/tcp-backend.ts';

interface State {
  readonly inflight: number;
  readonly connections: number;
  readonly refused: number;
  readonly short: number;
  readonly blamed: number;
  readonly demoted: boolean;
}

test('a lack of descriptors costs only the connections that need one, and is blamed on no node', {
  timeout: 30_000,
}, async () => {
  const node = await TcpBackend.start(echo);
  const script = fileURLToPath(new URL('../support/tcp-shortage.ts', import.meta.url));
  const proxy = spawn('sh', ['-c', 'ulimit -n 60; exec "$0" "$@"', process.execPath, script, String(node.port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const clients: TcpClient[] = [];
  try {
    const [{ port }] = (await once(proxy, 'message')) as [{ port: number }];
    const ask = async () => {
      proxy.send('state');
      return ((await once(proxy, 'message')) as [State])[0];
    };
    const first = await TcpClient.connect(port);
    clients.push(first);
    for (let count = 0; count < 60; count++) clients.push(await TcpClient.connect(port));
    await until(() => clients.some((client) => client.ending !== null));
    first.socket.write('still here');
    await until(() => first.text === 'still here');
    const short = await ask();
    assert.equal(short.short, short.refused, 'that is what their end is called');
    assert.equal(short.blamed, 0);
    assert.equal(short.demoted, false);
    for (const client of clients.slice(1)) client.socket.destroy();
    for (let state = await ask(); state.connections !== 1; ) state = await ask();
    const later = await TcpClient.connect(port);
    clients.push(later);
    later.socket.write('again');
    await until(() => later.text === 'again');
    assert.equal((await ask()).inflight, 2);
  } finally {
    for (const client of clients) client.socket.destroy();
    if (proxy.connected) proxy.disconnect();
    if (proxy.exitCode === null) await once(proxy, 'exit');
    await node.close();
  }
});
