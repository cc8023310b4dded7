import { createServer, type IncomingMessage, type Server } from 'node:http';
import { duplexPair } from 'node:stream';
import type { Random } from '../../src/core/random.ts';
import type { AccessEntry } from '../../src/telemetry/access-log.ts';
import { HOSTILE_WORDS } from './hostile-words.ts';
import { TestPlane, until } from './plane.ts';
import { RawClient } from './raw-client.ts';
import { TcpBackend } from './tcp-backend.ts';
import { type AuditedRequest, RequestAudit } from './wire-audit.ts';
import { echo } from './wire-backend.ts';

/** A request as some reader has it. */
export interface Read {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

/** What another parser makes of bytes: whole requests, and what stopped it. */
export interface Reading {
  readonly requests: readonly Read[];
  /** Null when the bytes ended behind a whole request. */
  readonly problem: string | null;
}

interface Growing extends Read {
  body: string;
  whole: boolean;
}

interface Wire {
  readonly requests: Growing[];
  problem: string | null;
}

/** Node's own parser, llhttp, fed with the bytes of one connection. */
export class OtherReader {
  readonly #server: Server;
  readonly #wires = new WeakMap<object, Wire>();

  constructor() {
    this.#server = createServer((request, response) => {
      const read = this.#begin(request);
      request.setEncoding('latin1');
      request.on('data', (text: string) => (read.body += text));
      request.on('error', () => {});
      request.on('end', () => {
        read.whole = true;
        response.end();
      });
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const wire = this.#wires.get(socket);
      if (wire !== undefined) wire.problem ??= error.code ?? error.message;
      // Requests that were whole before are still on their way to us.
      setImmediate(() => socket.destroy());
    });
    this.#server.on('upgrade', (request, socket) => {
      this.#begin(request).whole = true;
      setImmediate(() => socket.destroy());
    });
  }

  read(bytes: Buffer): Promise<Reading> {
    const [near, far] = duplexPair();
    const wire: Wire = { requests: [], problem: null };
    this.#wires.set(near, wire);
    return new Promise((resolve) => {
      const finish = (): void => {
        far.destroy();
        near.destroy();
        const whole = wire.requests.filter((read) => read.whole);
        resolve({
          requests: whole.map(({ method, target, body }) => ({ method, target, body })),
          problem: wire.problem,
        });
      };
      near.on('error', () => {});
      far.on('error', () => {});
      // The last bodies end a moment after the connection.
      near.on('close', () => setImmediate(finish));
      far.on('end', () => setImmediate(finish));
      far.resume();
      this.#server.emit('connection', near);
      far.end(bytes);
    });
  }

  close(): void {
    this.#server.close();
  }

  #begin(request: IncomingMessage): Growing {
    const read = { method: request.method ?? '', target: request.url ?? '', body: '', whole: false };
    this.#wires.get(request.socket)?.requests.push(read);
    return read;
  }
}

/** The bytes that one connection to the node carried during one case. */
interface Carried {
  readonly bytes: Buffer;
  readonly audit: RequestAudit;
}

export interface Verdict {
  /** Requests that reached the node whole. */
  readonly forwarded: number;
  /** Why the case failed; null when everybody agrees. */
  readonly disagreement: string | null;
}

/** Clients send bytes through the proxy; whatever arrives behind it must be what the proxy says it forwarded. */
export class Garden {
  readonly plane: TestPlane;
  readonly #node: TcpBackend;
  readonly #other = new OtherReader();
  readonly #carried = new Map<object, Buffer[]>();
  #port = 0;

  private constructor(node: TcpBackend) {
    this.#node = node;
    this.plane = new TestPlane({ nodes: [{ host: '127.0.0.1', port: node.port }], route: { websocket: true } });
  }

  static async start(): Promise<Garden> {
    let garden: Garden | null = null;
    const node = await TcpBackend.start((socket) => {
      const audit = new RequestAudit();
      socket.on('end', () => socket.end());
      socket.on('data', (chunk: Buffer) => {
        garden!.#keep(socket, chunk);
        const before = audit.requests.length;
        audit.feed(chunk);
        for (const request of audit.requests.slice(before)) socket.write(echo(request), 'latin1');
        if (audit.problem !== null) socket.destroy();
      });
    });
    garden = new Garden(node);
    garden.#port = await garden.plane.start();
    return garden;
  }

  /** Sends `text` and a FIN, waits for the proxy's, and compares what everybody saw. */
  async judge(text: string): Promise<Verdict> {
    const client = await RawClient.connect(this.#port);
    client.socket.end(text, 'latin1');
    await client.ended();
    client.close();
    await until(() => this.plane.listener.connections === 0);
    await this.#settled();
    const entries = this.plane.entries.splice(0);
    const carried = [...this.#carried.values()].map((parts) => {
      const bytes = Buffer.concat(parts);
      const audit = new RequestAudit();
      audit.feed(bytes);
      return { bytes, audit };
    });
    this.#carried.clear();
    const forwarded = carried.reduce((sum, { audit }) => sum + audit.requests.length, 0);
    const disagreement =
      claims(entries, carried) ?? (await this.#secondOpinion(carried)) ?? answers(entries, carried, client.received);
    return { forwarded, disagreement };
  }

  async close(): Promise<void> {
    this.#other.close();
    await this.plane.close();
    await this.#node.close();
  }

  #keep(socket: object, chunk: Buffer): void {
    const parts = this.#carried.get(socket);
    if (parts === undefined) this.#carried.set(socket, [chunk]);
    else parts.push(chunk);
  }

  /** Every connection that is not in the pool any more is closed on the node's side too. */
  #settled(): Promise<void> {
    return until(() => this.#node.sockets.size <= this.plane.listener.pool.size);
  }

  async #secondOpinion(carried: readonly Carried[]): Promise<string | null> {
    for (const { bytes, audit } of carried) {
      const { requests, problem } = await this.#other.read(bytes);
      // llhttp knows a fixed list of methods; a method of another name stops it.
      if (problem === 'HPE_INVALID_METHOD') continue;
      const ours = audit.requests.map(readOf);
      if (JSON.stringify(ours) !== JSON.stringify(requests)) {
        return `llhttp reads ${JSON.stringify(requests)}, the audit ${JSON.stringify(ours)}`;
      }
      if ((problem !== null) !== audit.partial.length > 0) return `llhttp: ${problem}, the audit: ${audit.partial}`;
    }
    return null;
  }
}

function readOf({ method, target, body }: AuditedRequest): Read {
  return { method, target, body: body.toString('latin1') };
}

/** The access log's claims against the strict audit of what arrived. */
function claims(entries: readonly AccessEntry[], carried: readonly Carried[]): string | null {
  const problem = carried.map(({ audit }) => audit.problem).find((each) => each !== null);
  if (problem !== undefined) return `unsafe bytes: ${problem}`;
  const arrived = carried.flatMap(({ audit }) => audit.requests);
  const served = entries.filter((entry) => entry.tries.some((each) => each.outcome === 'success'));
  if (arrived.length !== served.length) return `${arrived.length} requests arrived, ${served.length} are in the log`;
  for (const [i, entry] of served.entries()) {
    const request = arrived[i]!;
    const [path = ''] = request.target.split('?', 1);
    if (request.method !== entry.method || path !== entry.path) {
      return `${request.method} ${request.target} arrived, ${entry.method} ${entry.path} is in the log`;
    }
    if (request.wireBody !== entry.bytesIn) return `a body of ${request.wireBody}, in the log ${entry.bytesIn}`;
    const host = request.host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
    if (entry.host !== '' && host !== entry.host) return `host ${request.host}, in the log ${entry.host}`;
  }
  return null;
}

/** The client gets one answer for every entry, in order, and each is the answer to its own request. */
function answers(entries: readonly AccessEntry[], carried: readonly Carried[], received: Buffer): string | null {
  const arrived = carried.flatMap(({ audit }) => audit.requests);
  let text = received.toString('latin1');
  for (const entry of entries) {
    if (entry.status === 499) continue;
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text);
    if (head === null || Number(head[1]) !== entry.status)
      return `${entry.status} is in the log, the client got ${text}`;
    const length = Number(/\r\nContent-Length: (\d+)\r\n/.exec(head[0])?.[1]);
    const end = head[0].length + (entry.method === 'HEAD' ? 0 : length);
    if (entry.status === 200) {
      const request = arrived.shift()!;
      const asked = `\r\nX-Asked: ${request.method} ${request.target} ${request.body.length}\r\n`;
      if (!head[0].includes(asked)) return `the answer to ${asked.trim()} is ${head[0]}`;
    }
    text = text.slice(end);
  }
  return text === '' ? null : `behind all answers the client got ${JSON.stringify(text)}`;
}

const WORDS = [
  ...HOSTILE_WORDS,
  '\r\n\r\n',
  ';',
  '\xa0',
  '%2e',
  '%2f',
  '#',
  '?',
  '/../',
  '\\',
  '1',
  '5',
  '0\r\n\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: a\r\n',
  'Host: u\r\n',
  'GET /in HTTP/1.1\r\nHost: t\r\n\r\n',
  ' HTTP/1.1\r\n',
  ' HTTP/1.0\r\n',
];

type Change = (text: string, random: Random, corpus: readonly string[]) => string;

const place = (text: string, random: Random): number => random.below(text.length + 1);
const word = (random: Random): string => WORDS[random.below(WORDS.length)]!;

/** Start of the line that `at` is in, and of the next. */
function lineAt(text: string, at: number): [number, number] {
  const start = text.lastIndexOf('\r\n', Math.max(0, at - 1)) + 2;
  const end = text.indexOf('\r\n', at);
  return [Math.min(start, at), end < 0 ? text.length : end + 2];
}

const CHANGES: readonly Change[] = [
  function deleteByte(text, random) {
    const at = place(text, random);
    return text.slice(0, at) + text.slice(at + 1);
  },
  function insertByte(text, random) {
    const at = place(text, random);
    return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at);
  },
  function replaceByte(text, random) {
    const at = place(text, random);
    return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
  },
  function insertWord(text, random) {
    const at = place(text, random);
    return text.slice(0, at) + word(random) + text.slice(at);
  },
  function insertLine(text, random) {
    const [start] = lineAt(text, place(text, random));
    return text.slice(0, start) + word(random) + text.slice(start);
  },
  function repeatLine(text, random) {
    const [start, next] = lineAt(text, place(text, random));
    return text.slice(0, next) + text.slice(start, next) + text.slice(next);
  },
  function deleteLine(text, random) {
    const [start, next] = lineAt(text, place(text, random));
    return text.slice(0, start) + text.slice(next);
  },
  function splice(text, random, corpus) {
    const other = corpus[random.below(corpus.length)]!;
    return text.slice(0, place(text, random)) + other.slice(place(other, random));
  },
  function append(text, random, corpus) {
    return text + corpus[random.below(corpus.length)]!;
  },
  /** Moves the end of the message: a length or a chunk size that is a little wrong. */
  function shiftBoundary(text, random) {
    return text.replace(/(Content-Length: |\r\n)(\d+)(?=\r\n)/i, (_, before: string, digits: string) => {
      return before + Math.max(0, Number(digits) + random.below(7) - 3);
    });
  },
  function truncate(text, random) {
    return text.slice(0, place(text, random));
  },
];

/** One to four changes of a text of the corpus, with another behind it half of the time. */
export function mutate(random: Random, corpus: readonly string[]): string {
  let text = corpus[random.below(corpus.length)]!;
  if (random.below(2) === 0) text += corpus[random.below(corpus.length)]!;
  for (let left = 1 + random.below(4); left > 0; left--) {
    text = CHANGES[random.below(CHANGES.length)]!(text, random, corpus);
  }
  return text;
}
