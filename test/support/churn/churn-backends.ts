import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { echoServer } from '../tcp-echo.ts';
import { UdpNode } from '../udp-peer.ts';

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
  readonly udpPorts: readonly number[];
  readonly #http: readonly Server[];
  readonly #tcp: readonly Awaited<ReturnType<typeof echoServer>>[];
  readonly #udp: readonly UdpNode[];

  private constructor(
    http: readonly Server[],
    tcp: readonly Awaited<ReturnType<typeof echoServer>>[],
    udp: readonly UdpNode[],
  ) {
    this.#http = http;
    this.#tcp = tcp;
    this.#udp = udp;
    this.udpPorts = udp.map(({ port }) => port);
    this.httpPorts = http.map((server) => (server.address() as AddressInfo).port);
    this.tcpPorts = tcp.map(({ port }) => port);
  }

  static async start(http: number, tcp: number, udp: number): Promise<ChurnBackends> {
    const https = await Promise.all(Array.from({ length: http }, () => httpEcho()));
    const tcps = await Promise.all(Array.from({ length: tcp }, () => echoServer()));
    return new ChurnBackends(https, tcps, await Promise.all(Array.from({ length: udp }, () => UdpNode.open())));
  }

  async close(): Promise<void> {
    for (const server of this.#http) {
      server.closeAllConnections();
      server.close();
    }
    for (const server of this.#tcp) server.close();
    await Promise.all(this.#udp.map((node) => node.close()));
  }
}
