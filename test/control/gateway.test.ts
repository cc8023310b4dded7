import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { Gateway } from '../../src/control/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { selfSigned } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import { RecordingLog } from '../support/recording-log.ts';

const LOCAL: DocumentInput = { listen: ['127.0.0.1:0'], admin: { address: '127.0.0.1:0' }, workers: 1 };

async function startGateway(settings: DocumentInput): Promise<{ gateway: Gateway; log: RecordingLog }> {
  const log = new RecordingLog();
  const gateway = await Gateway.start({
    document: documentFrom({ ...LOCAL, ...settings }),
    stateDirectory: null,
    version: 'test',
    clock: systemClock,
    random: systemRandom,
    log,
  });
  return { gateway, log };
}

describe('Gateway', () => {
  it('is not ready while a registry that never answered can not be asked', async () => {
    const [port] = await freePorts(1);
    const { gateway, log } = await startGateway({
      discovery: { ready_timeout: 600, consul: { servers: [`http://127.0.0.1:${port}`] } },
      upstreams: [{ id: 'web', service_name: 'web', discovery_type: 'consul' }],
    });
    const lost = () =>
      new Set(log.events.filter(({ event }) => event === 'discovery.source-lost').map(({ fields }) => fields.set));
    while (lost().size < 2) await pause(10);
    const { ready, reasons } = gateway.views.ready();
    await gateway.close(systemClock.now());
    assert.equal(ready, false);
    assert.deepEqual(reasons, ['no answer yet for the catalogue of consul, consul/web']);
  });

  it('compares what is read at the start only with what runs, and does not apply it', async () => {
    const consul = createServer((request, answer) => {
      if (!request.url?.includes('index='))
        answer.setHeader('X-Consul-Index', '1').end(request.url?.includes('/catalog/') ? '{}' : '[]');
    }).listen(0, '127.0.0.1');
    await once(consul, 'listening');
    const servers = [`http://127.0.0.1:${(consul.address() as AddressInfo).port}`];
    const settings = {
      discovery: { consul: { servers } },
      upstreams: [{ id: 'web', service_name: 'web', discovery_type: 'consul' as const }],
    };
    const { gateway, log } = await startGateway(settings);
    const reported = () => log.events.splice(0).filter(({ event }) => event === 'config.restart-needed');
    gateway.reload(documentFrom({ ...LOCAL, ...settings, discovery: { consul: { servers, tag: 'blue' } } }));
    const [upstream] = gateway.views.upstreams();
    const changed = reported();
    gateway.reload(documentFrom({ ...LOCAL, ...settings }));
    const reverted = reported();
    await gateway.close(systemClock.now());
    consul.closeAllConnections();
    consul.close();
    assert.deepEqual(
      changed.map(({ fields }) => fields),
      [{ key: 'discovery' }],
    );
    assert.deepEqual(reverted, []);
    assert.deepEqual(
      upstream?.sources.map(({ type, service, args }) => ({ type, service, args })),
      [{ type: 'consul', service: 'web', args: {} }],
    );
  });

  it('gives each stream listener its own settings, with UDP listeners between them', async () => {
    const [one, two] = [selfSigned('one.example'), selfSigned('two.example')];
    const udp = { address: '127.0.0.1:0', protocol: 'udp' as const };
    const { gateway } = await startGateway({
      stream_listen: [
        udp,
        { address: '127.0.0.1:0', tls: one },
        udp,
        { address: '127.0.0.1:0' },
        { address: '127.0.0.1:0', tls: two },
      ],
    });
    const { tcp, udp: datagrams } = gateway.addresses;
    const shown = async (port: number) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN;
    };
    const names = [await shown(tcp[0]!.port), await shown(tcp[2]!.port)];
    const plain = await shown(tcp[1]!.port).catch((error: NodeJS.ErrnoException) => error.code);
    await gateway.close(systemClock.now());
    assert.deepEqual([tcp.length, datagrams.length], [3, 2]);
    assert.deepEqual(names, ['one.example', 'two.example']);
    assert.equal(plain, 'ECONNRESET');
  });

  it('routes every service of its own registry, however many there are', { timeout: 60_000 }, async () => {
    const [port] = await freePorts(1);
    const { gateway } = await startGateway({ registry: { address: `127.0.0.1:${port}` } });
    const register = async (index: number) => {
      const body = { Name: `s${index}`, Port: 1, Address: '127.0.0.1', Tags: [`headgate.path=/s${index}/*`] };
      const url = `http://127.0.0.1:${port}/v1/agent/service/register`;
      const answer = await fetch(url, { method: 'PUT', body: JSON.stringify(body) });
      assert.equal(answer.status, 200, await answer.text());
    };
    for (let index = 0; index < 250; index++) await register(index);
    while (gateway.views.routes().length < 250) await pause(20);
    const { ready } = gateway.views.ready();
    await gateway.close(systemClock.now());
    assert.equal(ready, true);
  });
});
