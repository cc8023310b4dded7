import type { Socket } from 'node:net';
import type { Address } from '../../src/core/address.ts';
import { TcpBackend } from './tcp-backend.ts';
import { type AuditedRequest, RequestAudit } from './wire-audit.ts';

/** One connection to the backend. */
export interface WireLink {
  readonly socket: Socket;
  readonly audit: RequestAudit;
  /** Requests that were whole when `mark` was called. */
  seen: number;
}

export type WireAnswer = (request: AuditedRequest, link: WireLink) => string | null;

/** What came since the last `take`, in the order of the connections' first bytes. */
export interface WireTaken {
  /** Whole requests, byte for byte. */
  readonly whole: string[];
  /** Beginnings of requests whose connection has ended, or goes on. */
  readonly partial: string[];
  readonly requests: AuditedRequest[];
  readonly problems: string[];
}

/** The answer says what was asked, so that an answer that goes astray is noticed. */
export function echo(request: AuditedRequest): string {
  const text = `${request.method} ${request.target} ${request.body.length}`;
  const body = request.method === 'HEAD' ? '' : text;
  return `HTTP/1.1 200 OK\r\nX-Asked: ${text}\r\nContent-Length: ${Buffer.byteLength(text, 'latin1')}\r\n\r\n${body}`;
}

/** A node that keeps every byte it gets, and reads them with the strict audit. */
export class WireBackend {
  readonly links = new Set<WireLink>();
  answer: WireAnswer = echo;
  #tcp: TcpBackend | null = null;

  static async start(): Promise<WireBackend> {
    const backend = new WireBackend();
    backend.#tcp = await TcpBackend.start((socket) => backend.#serve(socket));
    return backend;
  }

  get address(): Address {
    return { host: '127.0.0.1', port: this.#tcp!.port };
  }

  get accepted(): number {
    return this.#tcp!.accepted;
  }

  /** What arrived since the last call. Connections that have ended are forgotten. */
  take(): WireTaken {
    const taken: WireTaken = { whole: [], partial: [], requests: [], problems: [] };
    for (const link of this.links) {
      const { audit, socket } = link;
      const fresh = audit.requests.slice(link.seen);
      link.seen = audit.requests.length;
      taken.requests.push(...fresh);
      taken.whole.push(...fresh.map((request) => request.raw.toString('latin1')));
      if (audit.partial.length > 0) taken.partial.push(audit.partial.toString('latin1'));
      if (audit.problem !== null) taken.problems.push(audit.problem);
      if (socket.destroyed) this.links.delete(link);
    }
    return taken;
  }

  /** Connections that are open and hold the beginning of a request. */
  get halfFed(): number {
    return [...this.links].filter(({ audit, socket }) => audit.partial.length > 0 && !socket.destroyed).length;
  }

  async close(): Promise<void> {
    await this.#tcp?.close();
  }

  #serve(socket: Socket): void {
    const link: WireLink = { socket, audit: new RequestAudit(), seen: 0 };
    this.links.add(link);
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => {
      const before = link.audit.requests.length;
      link.audit.feed(chunk);
      for (const request of link.audit.requests.slice(before)) {
        const answer = this.answer(request, link);
        if (answer !== null) socket.write(answer, 'latin1');
      }
      if (link.audit.problem !== null) socket.destroy();
    });
  }
}
