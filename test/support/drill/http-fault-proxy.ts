import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Agent, type Dispatcher } from 'undici';
import { type Fault, type FaultProxy, PART } from './registry-harness.ts';

export type Json = Record<string, unknown>;

export interface Question {
  readonly path: string;
  readonly body: string;
}

/** Changes that an answer is to show. */
export interface Distortion {
  /** Nodes to leave; null for all. */
  readonly part: number | null;
  /** What is taken off the registry's count of changes. */
  readonly shift: number;
}

/** How one registry words its questions and answers. */
export interface Dialect {
  /** Half of what the registry has counted: what `backwards` takes off. 0 where it doesn't count. */
  half(): number;
  /** The question as the registry is to see it, with what was taken off the count added again. */
  ask(question: Question, shift: number): Question;
  /** The same question, put by somebody who knows nothing yet and so doesn't wait for a change. */
  atOnce(question: Question): Question;
  /** Whether the answer goes on without end, a JSON text on each line. */
  streams(question: Question): boolean;
  /** The last line of a stream, which makes the gateway read everything anew. */
  readonly expiry: string;
  /** Answers are JSON; this may change them, and the fields of their head in place. */
  answer(question: Question, message: unknown, fields: Record<string, string>, distortion: Distortion): unknown;
}

interface Exchange {
  readonly question: Question;
  readonly response: ServerResponse;
  /** Ends what is asked of the registry. */
  abort: AbortController;
}

/** What comes in place of an answer, in turn. */
const GARBAGE = [
  '<html><body><h1>It works!</h1></body></html>',
  '{"surprise": [null, {}], "hosts": 7, "items": "many"}',
  '[{"Service": {"Port": "',
  'null',
  '\u0000\u0001\ufffd{]',
];

/** An HTTP proxy that passes everything on to a real registry until it is told of a fault. */
export class HttpFaultProxy implements FaultProxy {
  readonly address: string;
  readonly #server: Server;
  readonly #origin: string;
  readonly #dialect: Dialect;
  readonly #agent: Agent;
  readonly #open = new Set<Exchange>();
  /** Questions, without what makes them wait, that were answered since the fault changed. */
  readonly #answered = new Set<string>();
  #fault: Fault = 'none';
  #shift = 0;
  #garbage = 0;

  private constructor(server: Server, origin: string, dialect: Dialect, ca?: string) {
    this.#server = server;
    this.#origin = origin;
    this.#dialect = dialect;
    this.#agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, ...(ca !== undefined && { connect: { ca } }) });
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => void this.#take(request, response));
  }

  /** `ca`: who has signed the registry's certificate. */
  static async start(origin: string, dialect: Dialect, ca?: string): Promise<HttpFaultProxy> {
    const server = createServer({ keepAliveTimeout: 120_000 }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HttpFaultProxy(server, origin, dialect, ca);
  }

  set(fault: Fault): void {
    this.#fault = fault;
    this.#shift = fault === 'backwards' ? this.#dialect.half() : 0;
    this.#answered.clear();
    if (fault === 'cut') this.#server.closeAllConnections();
    // What is under way is put again, to be answered as the fault wants it.
    for (const { abort } of [...this.#open]) abort.abort();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    for (const { abort } of this.#open) abort.abort();
    await Promise.all([closed, this.#agent.destroy()]);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const body = await buffer(request).catch(() => null);
    if (body === null) return;
    const exchange = {
      question: { path: request.url ?? '/', body: body.toString('utf8') },
      response,
      abort: new AbortController(),
    };
    this.#open.add(exchange);
    response.on('close', () => {
      this.#open.delete(exchange);
      exchange.abort.abort();
    });
    await this.#respond(exchange, request);
  }

  async #respond(exchange: Exchange, request: IncomingMessage): Promise<void> {
    const { response, question } = exchange;
    const atOnce = this.#dialect.atOnce(question);
    const key = atOnce.path + atOnce.body;
    const first = !this.#answered.has(key);
    if (this.#fault === 'cut') return void response.socket?.resetAndDestroy();
    if (this.#fault === 'error') return this.#end(response, 500, 'the store is on fire');
    if (this.#fault === 'garbage') return this.#end(response, 200, this.#nextGarbage());
    const streams = this.#dialect.streams(question);
    if (first && streams) {
      this.#answered.add(key);
      return void response.writeHead(200).end(`${this.#dialect.expiry}\n`);
    }
    exchange.abort = new AbortController();
    const { signal } = exchange.abort;
    try {
      const answer = await this.#forward(request, this.#dialect.ask(first ? atOnce : question, this.#shift), signal);
      this.#answered.add(key);
      if (answer.statusCode === 200 && streams) await this.#stream(exchange, answer);
      else await this.#whole(exchange, answer);
    } catch {
      if (response.destroyed) return;
      if (!signal.aborted) return void response.socket?.resetAndDestroy();
      // The fault changed while the registry was asked.
      if (response.headersSent) this.#expire(response);
      else await this.#respond(exchange, request);
    }
  }

  #forward(request: IncomingMessage, { path, body }: Question, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { authorization, accept, 'content-type': type, 'user-agent': agent } = request.headers;
    const known = { authorization, accept, 'content-type': type, 'user-agent': agent };
    const headers = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
    const method = request.method as Dispatcher.HttpMethod;
    return this.#agent.request({ origin: this.#origin, path, method, headers, body: body || null, signal });
  }

  async #whole({ question, response }: Exchange, answer: Dispatcher.ResponseData): Promise<void> {
    const text = await answer.body.text();
    const fields = fieldsOf(answer);
    let changed = text;
    if (answer.statusCode === 200) {
      changed = JSON.stringify(this.#dialect.answer(question, JSON.parse(text), fields, this.#distortion));
    }
    response.writeHead(answer.statusCode, fields).end(changed);
  }

  async #stream({ question, response }: Exchange, answer: Dispatcher.ResponseData): Promise<void> {
    response.writeHead(200, fieldsOf(answer)).flushHeaders();
    let text = '';
    for await (const chunk of answer.body.setEncoding('utf8')) {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const changed = this.#dialect.answer(question, JSON.parse(line), {}, this.#distortion);
        response.write(`${JSON.stringify(changed)}\n`);
      }
    }
    response.end();
  }

  /** What a stream that has begun is told when the fault changes. */
  #expire(response: ServerResponse): void {
    if (this.#fault === 'garbage') response.end(`${this.#nextGarbage()}\n`);
    else if (this.#fault === 'error' || this.#fault === 'cut') response.socket?.resetAndDestroy();
    else response.end(`${this.#dialect.expiry}\n`);
  }

  #end(response: ServerResponse, status: number, text: string): void {
    response.writeHead(status, { 'content-type': 'application/json', 'x-consul-index': '7' }).end(text);
  }

  #nextGarbage(): string {
    return GARBAGE[this.#garbage++ % GARBAGE.length]!;
  }

  get #distortion(): Distortion {
    return { part: this.#fault === 'part' ? PART : null, shift: this.#shift };
  }
}

/** Those that say something about the registry. */
function fieldsOf({ headers }: Dispatcher.ResponseData): Record<string, string> {
  const fields = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && /^(x-|content-type$|date$)/.test(entry[0]),
  );
  return Object.fromEntries(fields);
}
