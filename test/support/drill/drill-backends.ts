import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DrillNode } from './registry-harness.ts';

/** A node that answers every request with its name; it can be ended and comes back at the same port. */
export class DrillBackend {
  readonly node: DrillNode;
  #server: Server;

  private constructor(node: DrillNode, server: Server) {
    this.node = node;
    this.#server = server;
  }

  static async start(name: string): Promise<DrillBackend> {
    const server = await serve(name, '127.0.0.1', 0);
    return new DrillBackend({ name, host: '127.0.0.1', port: portOf(server) }, server);
  }

  async stop(): Promise<void> {
    await end(this.#server);
  }

  async restart(): Promise<void> {
    this.#server = await serve(this.node.name, this.node.host, this.node.port);
  }
}

/**
 * Thousands of nodes that are alive and one server: everything from 127.0.0.1 to 127.255.255.254 is this machine. For that
 * the server listens at every address, and turns away who does not come from this machine.
 */
export class ManyBackends {
  readonly nodes: readonly DrillNode[];
  readonly #server: Server;

  private constructor(nodes: readonly DrillNode[], server: Server) {
    this.nodes = nodes;
    this.#server = server;
  }

  static async start(count: number): Promise<ManyBackends> {
    const server = await serve('many', '0.0.0.0', 0);
    server.on('connection', (socket) => {
      if (!socket.localAddress?.startsWith('127.')) socket.destroy();
    });
    const port = portOf(server);
    const nodes = Array.from({ length: count }, (_, index) => {
      return { name: `many-${index}`, host: `127.1.${index >> 8}.${index & 255}`, port };
    });
    return new ManyBackends(nodes, server);
  }

  async stop(): Promise<void> {
    await end(this.#server);
  }
}

async function serve(name: string, host: string, port: number): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 120_000 }, (_, answer) => answer.end(name));
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

async function end(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
