import { createServer } from 'node:net';
import { documentFrom } from '../config/document.ts';
import { Gateway } from '../control/gateway.ts';
import { type Address, parseAddress } from '../core/address.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { createEventLog } from '../telemetry/event-log.ts';
import { LineOutput } from '../telemetry/line-output.ts';
import { renderDemoScreen } from './demo-screen.ts';
import { DemoServices } from './demo-services.ts';
import { Signals, untilStopped } from './signals.ts';
import { version } from './version.ts';

/** The port that the documentation names, or any free one when something listens there. */
async function localAddress(port: number): Promise<string> {
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  return `127.0.0.1:${isFree ? port : 0}`;
}

/** A registry, three services and a gateway, all on loopback. Resolves with the exit code when a signal ends it. */
export async function demo(): Promise<number> {
  const signals = new Signals();
  const clock = systemClock;
  const output = new LineOutput(clock);
  const log = createEventLog('info', output);
  const document = documentFrom({
    listen: [await localAddress(9080)],
    admin: { address: await localAddress(9180) },
    registry: { address: await localAddress(8500) },
    workers: 2,
    shutdown: { delay: 0, drain: 5 },
  });
  const random = systemRandom;
  const gateway = await Gateway.start({ document, stateDirectory: null, version: version(), clock, random, log });
  const { http, admin, registryUrl } = gateway.addresses;
  const services = new DemoServices(registryUrl ?? '', clock);
  try {
    const instances = await services.start();
    const registry = parseAddress(new URL(registryUrl ?? '').host) as Address;
    output.write(renderDemoScreen({ http: http[0]!, admin, registry, instances }));
    return await untilStopped(signals, gateway, null, { delay: 0, drain: document.shutdown.drain * 1000 }, clock, log);
  } finally {
    signals.release();
    await services.close(clock.now() + 500);
    await gateway.close(clock.now());
    await output.close(clock.now() + 500);
  }
}
