/**
 * Writes an access log to the destination that is named and obeys standard input: `record <first> <count>` logs that many
 * requests, with paths `/<first>` and on; `dropped` does nothing; `end` closes the log and ends.
 * Each command is answered with itself and the number of lines dropped so far, on standard error.
 */
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { JsonAccessLog } from '../../src/telemetry/access-log.ts';
import { accessEntry } from './access-entry.ts';

const destination = process.argv[2] ?? 'stdout';
// The stream makes a pipe non-blocking, as the event log's does in the gateway.
void process.stdout.isTTY;
const log = await JsonAccessLog.open({ destination, clock: systemClock, log: silentLog });
for await (const line of createInterface({ input: process.stdin })) {
  const [command, first, count] = line.split(' ');
  if (command === 'record') {
    for (let index = 0; index < Number(count); index++) log.record(accessEntry({ path: `/${Number(first) + index}` }));
  }
  if (command === 'end') {
    await log.close(systemClock.now() + 200);
    console.error(`${command} ${log.dropped}`);
    process.exit(0);
  }
  console.error(`${command} ${log.dropped}`);
}
