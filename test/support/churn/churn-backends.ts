import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { echoServer } from '../tcp-echo.ts';

/** An HTTP server that answers with its port, and sends back what it gets over a WebSocket. */
async function httpEcho(): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 120_000 }, (incoming, answer) => {
    incoming.resume();
    incoming.on('end', () => answer.end(String((server.address() as AddressInfo).port)));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Servers for the churn to choose among, all in this process. */
export class ChurnBackends {
  readonly httpPorts: readonly number[];
  readonly tcpPorts: readonly number[];
  readonly #http: readonly Server[];
  readonly #tcp: readonly Awaited<ReturnType<typeof echoServer>>[];

  private constructor(http: readonly Server[], tcp: readonly Awaited<ReturnType<typeof echoServer>>[]) {
    this.#http = http;
    this.#tcp = tcp;
    this.httpPorts = http.map((server) => (server.address() as AddressInfo).port);
    this.tcpPorts = tcp.map(({ port }) => port);
  }

  static async start(http: number, tcp: number): Promise<ChurnBackends> {
    const https = await Promise.all(Array.from({ length: http }, () => httpEcho()));
    return new ChurnBackends(https, await Promise.all(Array.from({ length: tcp }, () => echoServer())));
  }

  close(): void {
    for (const server of this.#http) {
      server.closeAllConnections();
      server.close();
    }
    for (const server of this.#tcp) server.close();
  }
}
