import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Mailbox } from './mailbox.ts';

/** A question that came in and waits for the test to answer it, in whatever way. */
export class ScriptedRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly closed: Promise<unknown>;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? '/', 'http://registry');
    this.method = request.method ?? '';
    this.path = url.pathname;
    this.parameters = url.searchParams;
    this.headers = request.headers;
    this.closed = once(response, 'close');
    this.#request = request;
    this.#response = response;
  }

  /** What was sent with the question. */
  text(): Promise<string> {
    return text(this.#request);
  }

  /** What was sent, as JSON. */
  async body(): Promise<Record<string, unknown>> {
    let text = '';
    for await (const chunk of this.#request) text += chunk;
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** A good answer in Consul's way. */
  json(body: unknown, index: number | string): void {
    this.raw(200, JSON.stringify(body), { 'content-type': 'application/json', 'x-consul-index': String(index) });
  }

  raw(status: number, body: string | Buffer, headers: Record<string, string> = {}): void {
    this.#response.writeHead(status, headers).end(body);
  }

  /** Sends the head and this much of the body, and no more. */
  begin(body: string, headers: Record<string, string>): void {
    this.#response.writeHead(200, headers).write(body);
  }

  /** Goes on with what was begun. */
  more(body: string): void {
    this.#response.write(body);
  }

  /** Ends in an orderly way what was begun. */
  finish(): void {
    this.#response.end();
  }

  /** Cuts the connection with a reset. */
  reset(): void {
    const socket = this.#response.socket as Socket;
    socket.resetAndDestroy();
  }
}

/**
 * An HTTP server whose answers the test gives one by one: for faults that a real registry can't be made to show. A request
 * that is not answered hangs.
 */
export class ScriptedRegistry {
  readonly address: string;
  readonly requests: Mailbox<ScriptedRequest>;
  readonly #server: Server;

  private constructor(server: Server, requests: Mailbox<ScriptedRequest>) {
    this.#server = server;
    this.requests = requests;
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<ScriptedRegistry> {
    const requests = new Mailbox<ScriptedRequest>();
    const server = createServer((request, response) => requests.put(new ScriptedRequest(request, response)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedRegistry(server, requests);
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
