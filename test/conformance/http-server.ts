import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Fault } from './registry.ts';

/** A question that came in. A stream goes on from `position`, which the protocol keeps up to date. */
export interface Question {
  readonly url: URL;
  readonly body: string;
  position: number;
}

export interface Reply {
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What one kind of registry says over HTTP. */
export interface HttpProtocol {
  /** Null keeps the question waiting until something changes, which it may not do when the answer is wanted `now`. */
  answer(question: Question, now: boolean): Reply | null;
  /** The lines that a stream is told now; null for a question that is not answered with a stream. */
  news?(question: Question): readonly unknown[] | null;
}

interface Open {
  readonly question: Question;
  readonly response: ServerResponse;
  readonly stream: boolean;
}

/** Serves a protocol, or fails at it in a way that the test chooses. */
export class FaultyHttpServer {
  activity = 0;
  questions = 0;
  readonly #protocol: HttpProtocol;
  readonly #open = new Set<Open>();
  #server: Server;
  #port = 0;
  #fault: Fault | null = null;

  constructor(protocol: HttpProtocol) {
    this.#protocol = protocol;
    this.#server = this.#create();
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Tells who listens, and who waits: all of them, or those for whom there is something new. */
  changed(all = false): void {
    if (this.#fault !== null) return;
    for (const open of this.#open) this.#serve(open, all);
  }

  async break(fault: Fault): Promise<void> {
    this.#fault = fault;
    if (fault === 'refused') return this.close();
    for (const open of this.#open) this.#fail(open, fault);
  }

  async mend(): Promise<void> {
    const fault = this.#fault;
    this.#fault = null;
    if (fault !== 'refused') return;
    this.#server = this.#create();
    await this.listen();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #create(): Server {
    const server = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#take(request, response));
    return server.on('connection', () => (this.activity += 1));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.activity += 1;
    this.questions += 1;
    const url = new URL(request.url ?? '/', 'http://registry');
    const question = { url, body: await text(request).catch(() => ''), position: 0 };
    const stream = this.#protocol.news?.(question) ?? null;
    const open: Open = { question, response, stream: stream !== null };
    this.#open.add(open);
    response.on('close', () => {
      this.activity += 1;
      this.#open.delete(open);
    });
    if (this.#fault !== null) return this.#fail(open, this.#fault);
    if (stream !== null) response.writeHead(200, { 'content-type': 'application/json' }).write(linesOf(stream));
    else this.#serve(open, false);
  }

  #serve(open: Open, now: boolean): void {
    const { question, response, stream } = open;
    if (stream) return void response.write(linesOf(this.#protocol.news?.(question) ?? []));
    const reply = this.#protocol.answer(question, now);
    if (reply === null) return;
    this.#open.delete(open);
    response.writeHead(200, { 'content-type': 'application/json', ...reply.headers }).end(JSON.stringify(reply.body));
  }

  /** A question that fails is lost: it gets no answer later either. */
  #fail(open: Open, fault: Fault): void {
    this.#open.delete(open);
    const { response } = open;
    if (fault === 'hang') return;
    if (fault === 'error' && !response.headersSent) return void response.writeHead(500).end('broken\n');
    const whole = open.stream ? linesOf([{ type: 'MODIFIED', result: {} }]) : '';
    const reply = open.stream ? null : this.#protocol.answer(open.question, true);
    const body = reply === null ? whole : JSON.stringify(reply.body);
    if (!response.headersSent) response.writeHead(200, reply?.headers);
    this.#spoil(response, fault, body.slice(0, Math.ceil(body.length / 2)));
  }

  #spoil(response: ServerResponse, fault: Fault, half: string): void {
    if (fault === 'garbage') response.end('<html>It works!</html>\n');
    else if (fault === 'blank' || fault === 'error') response.end();
    else if (fault === 'truncated') response.end(half);
    else response.write(half, () => fault === 'reset' && response.socket?.resetAndDestroy());
  }
}

function linesOf(lines: readonly unknown[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
