/**
 * One node of the resilience bench, a process of its own: answers after about 5 ms, and does to order what nodes do in
 * bad times. SIGTERM ends it as a service ends: no new connections, idle ones closed, what is under way is answered.
 *
 *   node bench/resilience/node.ts <name> <port>
 */
import { createServer } from 'node:http';
import { seededRandom } from '../../src/core/random.ts';

/** What the node is told to do. Milliseconds; `fails` is a share. */
export interface Order {
  readonly extraMs: number;
  readonly fails: number;
  /** Up for so long, then gone for so long, beginning with gone; null for always up. */
  readonly flapMs: number | null;
}

const [, , name = '', portText = ''] = process.argv;
const port = Number(portText);
const random = seededRandom(port);
let order: Order = { extraMs: 0, fails: 0, flapMs: null };
let isUp = true;
let flapping: NodeJS.Timeout | undefined;

const server = createServer((request, response) => {
  response.setHeader('X-Node', name);
  // The check asks whether the process lives, as most do: it sees neither the errors nor the slowness.
  if (request.url === '/health') return void response.end('well\n');
  setTimeout(
    () => {
      if (random.next() < order.fails) response.statusCode = 500;
      response.end('hello from a node, in about sixty bytes of text, no more.\n');
    },
    4 + random.next() * 2 + order.extraMs,
  );
});
server.keepAliveTimeout = 65_000;
server.on('error', (error) => {
  throw error;
});

function flap(): void {
  isUp = !isUp;
  if (isUp) return void server.listen(port, '127.0.0.1', 1024);
  // As a process that was killed: what is under way is cut, and nobody listens.
  server.close();
  server.closeAllConnections();
}

process.on('message', (message: Order) => {
  clearInterval(flapping);
  order = message;
  if (!isUp) flap();
  if (message.flapMs === null) return;
  flap();
  flapping = setInterval(flap, message.flapMs);
});
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => server.close(() => process.exit()));
server.listen(port, '127.0.0.1', 1024, () => process.send?.('listening'));
