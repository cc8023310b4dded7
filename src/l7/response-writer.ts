import type { Socket } from 'node:net';
import { buildResponseHead, clientFraming, type OutboundResponse } from './forward-head.ts';
import { Framing, type ResponseHead } from './head.ts';
import { MessageWriter } from './message-writer.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** The response on its way to the client, in the framing that the client knows. */
export class ResponseWriter implements OutboundResponse {
  readonly out = new MessageWriter();
  /** Bytes of the body so far, chunk lines included. */
  bodyBytes = 0;
  clientMinor: 0 | 1 = 1;
  framing: Framing = Framing.none;
  keepAlive = true;
  added = '';
  /** The node's body has no chunks, and the client's has. */
  #chunks = false;

  begin(socket: Socket, clientMinor: 0 | 1): void {
    this.out.attach(socket);
    this.clientMinor = clientMinor;
    this.bodyBytes = 0;
    this.added = '';
    this.#chunks = false;
  }

  /** Writes the head. Returns whether the client may send another request on this connection. */
  head(head: ResponseHead, keepAlive: boolean): boolean {
    this.framing = clientFraming(head, this.clientMinor);
    this.keepAlive = keepAlive && this.framing !== Framing.close;
    this.#chunks = this.framing === Framing.chunked && head.framing === Framing.close;
    this.out.text(buildResponseHead(head, this));
    return this.keepAlive;
  }

  /** Writes bytes that `connection` has just read. */
  body(connection: UpstreamConnection, buffer: Buffer, start: number, end: number): void {
    const { out } = this;
    const length = end - start;
    this.bodyBytes += length;
    if (this.#chunks) out.text(`${length.toString(16)}\r\n`);
    if (out.fitsText(length)) out.text(buffer.toString('latin1', start, end));
    else out.bytes(connection.lend(start, end));
    if (this.#chunks) out.text('\r\n');
  }

  text(text: string): void {
    this.bodyBytes += text.length;
    this.out.text(text);
  }

  end(): void {
    if (this.#chunks) this.out.text('0\r\n\r\n');
  }
}
