import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import { createForwardedLog } from '../telemetry/forwarded-log.ts';
import type { FromWorker, ToWorker, WorkerSeed } from './protocol.ts';
import { Worker } from './worker.ts';

const port = parentPort;
if (!port) throw new Error('worker/entry.ts runs as a worker thread only');

const send = (message: FromWorker) => port.postMessage(message);

try {
  const worker = await Worker.create(workerData as WorkerSeed, {
    clock: systemClock,
    random: systemRandom,
    log: createForwardedLog((entry) => send({ type: 'log', entry })),
    send,
  });
  port.on('message', (message: ToWorker) => worker.receive(message));
  process.on('exit', () => worker.abandon());
  await worker.start();
} catch (error) {
  const known = error instanceof HeadgateError;
  send({
    type: 'failed',
    code: known ? error.code : 'WORKER_START',
    message: known ? error.message : reasonOf(error),
  });
  port.close();
}
