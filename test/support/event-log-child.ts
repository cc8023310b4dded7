/**
 * Logs `count` events to standard output and ends in the way that the test asks for:
 * `node event-log-child.ts <exit | throw | close | linger> <count>`. `linger` waits for a line on standard input.
 * Before it ends it reports the lines lost on standard error.
 */
import { once } from 'node:events';
import { systemClock } from '../../src/core/clock.ts';
import { createEventLog } from '../../src/telemetry/event-log.ts';
import { LineOutput } from '../../src/telemetry/line-output.ts';

const [mode, count] = process.argv.slice(2);
const output = new LineOutput(systemClock);
const log = createEventLog('info', output);
process.on('exit', () => console.error(`dropped ${output.dropped}`));
const padding = 'x'.repeat(100);
for (let index = 0; index < Number(count); index++) log.info('test.line', `line ${index}`, { padding });
if (mode === 'throw') throw new Error('on purpose');
if (mode === 'linger') {
  await once(process.stdin, 'data');
  for (let index = 0; index < Number(count); index++) log.info('test.line', `later ${index}`);
}
if (mode === 'close') await output.close(systemClock.now() + 100);
process.exit(0);
