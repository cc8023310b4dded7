/**
 * Clients in a process of their own, so that their memory does not count as anybody else's: opens connections, asks once on
 * each by HTTP, and holds them. Run as `node idle-clients-child.ts PORT COUNT`; says how many are answered and open, when
 * they all are and whenever it is sent a message.
 */
import { connect } from 'node:net';

const AT_ONCE = 100;
const [port, count] = process.argv.slice(2).map(Number) as [number, number];
let open = 0;

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', reject);
    socket.once('data', () => {
      open += 1;
      socket.on('data', () => {});
      socket.on('close', () => (open -= 1));
      resolve();
    });
    socket.once('end', () => reject(new Error('closed without an answer')));
    socket.write('GET /small HTTP/1.1\r\nHost: test\r\n\r\n');
  });
}

process.on('disconnect', () => process.exit());
process.on('message', () => process.send?.(open));
for (let left = count; left > 0; left -= AT_ONCE)
  await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, ask));
process.send?.(open);
