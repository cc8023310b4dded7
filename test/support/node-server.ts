/**
 * A node in a process of its own, so that a test can kill it: answers every request with its name, and a WebSocket
 * upgrade or a TCP line with an echo. Run as `node node-server.ts NAME [PORT]`; prints its port.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const [name = 'node', port = '0'] = process.argv.slice(2);
const server = createServer({ keepAliveTimeout: 120_000 }, (incoming, answer) => {
  incoming.resume();
  incoming.on('end', () => answer.end(name));
});
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`${name}:${data}`)));
server.listen(Number(port), '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
