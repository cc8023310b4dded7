import { Gateway } from '../control/gateway.ts';
import { Reloader } from '../control/reloader.ts';
import { formatAddress } from '../core/address.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { createEventLog } from '../telemetry/event-log.ts';
import { LineOutput } from '../telemetry/line-output.ts';
import type { RunOptions } from './arguments.ts';
import { withFlags } from './flags.ts';
import { Signals, untilStopped } from './signals.ts';
import { stateDirectory } from './state-directory.ts';
import { version } from './version.ts';

/** Runs the gateway until a signal ends it. Resolves with the exit code. */
export async function run(options: RunOptions): Promise<number> {
  const signals = new Signals();
  const clock = systemClock;
  const output = new LineOutput(clock);
  const environment = process.env;
  const complete = (document: Parameters<typeof withFlags>[0]) => withFlags(document, options, environment);
  const early = createEventLog('info', output);
  const { file } = options;
  const reloader = file === undefined ? null : new Reloader({ file, environment, clock, log: early, complete });
  const document = reloader ? await reloader.load() : complete(null);
  const log = createEventLog(document.log.level, output);
  const gateway = await Gateway.start({
    document,
    stateDirectory: stateDirectory(document.state_dir, environment, log),
    version: version(),
    clock,
    random: systemRandom,
    log,
  });
  const { http, tcp, udp, admin, dns } = gateway.addresses;
  const places = [
    ...http.map((address) => `http ${formatAddress(address)}`),
    ...tcp.map((address) => `tcp ${formatAddress(address)}`),
    ...udp.map((address) => `udp ${formatAddress(address)}`),
    ...(dns ? [`dns ${formatAddress(dns)}`] : []),
  ];
  log.info(
    'gateway.started',
    `headgate ${version()} listens: ${places.join(', ')}; admin http://${formatAddress(admin)}`,
    {
      http,
      tcp,
      udp,
      admin,
      ...(dns ? { dns } : {}),
    },
  );
  reloader?.serve(gateway);
  const times = { delay: document.shutdown.delay * 1000, drain: document.shutdown.drain * 1000 };
  const code = await untilStopped(signals, gateway, reloader, times, clock, log);
  await output.close(clock.now() + 1000);
  return code;
}
