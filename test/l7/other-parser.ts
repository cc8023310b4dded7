import { createServer, type IncomingMessage, type Server } from 'node:http';
import { duplexPair } from 'node:stream';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

/** What `node:http` makes of the bytes of one connection: the requests, and the parser's complaint if there is one. */
export async function requestsOf(
  server: Server,
  bytes: Buffer,
  expected: number,
): Promise<{ seen: Seen[]; error: string | null }> {
  const [near, far] = duplexPair();
  const seen: Seen[] = [];
  return new Promise((resolve) => {
    const finish = (error: string | null) => {
      far.destroy();
      near.destroy();
      resolve({ seen, error });
    };
    Object.assign(near, {
      onRequest(request: IncomingMessage, body: string) {
        seen.push({ method: request.method ?? '', url: request.url ?? '', body });
        if (seen.length === expected) finish(null);
      },
      onRefused: finish,
    });
    far.on('error', () => {});
    near.on('error', () => {});
    near.on('close', () => finish('closed before all requests were seen'));
    far.resume();
    server.emit('connection', near);
    far.end(bytes);
  });
}

interface Wired {
  onRequest(request: IncomingMessage, body: string): void;
  onRefused(error: string): void;
}

/** A server of Node without sockets, as a second opinion on what bytes mean. */
export function otherParser(): Server {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (text: string) => (body += text));
    request.on('end', () => {
      (request.socket as unknown as Wired).onRequest(request, body);
      response.end();
    });
    request.on('error', () => {});
  });
  server.on('clientError', (error, socket) => {
    (socket as unknown as Wired).onRefused((error as NodeJS.ErrnoException).code ?? error.message);
  });
  return server;
}
