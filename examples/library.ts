/**
 * The gateway's core inside a program: `node examples/library.ts`. It starts two servers and sends requests to them; one is
 * stopped on the way, and no request fails. An installed package is imported as 'headgate'.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { upstream } from '../src/index.ts';

const servers = ['first', 'second'].map((name) =>
  createServer((_request, answer) => answer.end(name)).listen(0, '127.0.0.1'),
);
await Promise.all(servers.map((server) => once(server, 'listening')));
const ports = servers.map((server) => (server.address() as AddressInfo).port);

// With a registry: { service_name: 'orders', discovery_type: 'consul', discovery: { consul: { servers: [url] } } }
const orders = await upstream({ nodes: Object.fromEntries(ports.map((port) => [`127.0.0.1:${port}`, 1])) });
await orders.ready();

for (let count = 1; count <= 6; count++) {
  if (count === 4) {
    servers[0]?.closeAllConnections();
    servers[0]?.close();
  }
  const { body } = await request('http://orders.internal/', { dispatcher: orders.dispatcher });
  console.log(count, await body.text());
}

await orders.close();
for (const server of servers) server.close();
