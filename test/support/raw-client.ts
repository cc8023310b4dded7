import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  /** Start line and fields. */
  readonly head: string;
  /** Field values by lower-case name. */
  readonly fields: ReadonlyMap<string, string>;
  /** Without chunk framing. */
  readonly body: Buffer;
}

/** A client that sends exactly the bytes it is told to, and shows exactly what came back. */
export class RawClient {
  readonly socket: Socket;
  /** Everything received and not read yet. */
  received: Buffer = Buffer.alloc(0);
  /** How the server ended the connection; null while it is open. */
  end: 'fin' | 'reset' | null = null;
  #waiters: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#wake();
    });
    socket.on('end', () => this.#ended('fin'));
    socket.on('error', () => this.#ended('reset'));
    socket.on('close', () => this.#ended('fin'));
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  write(bytes: string | Buffer): this {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1');
    else this.socket.write(bytes);
    return this;
  }

  /** Sends a request and reads the response to it. */
  async request(head: string, body = ''): Promise<RawResponse> {
    const [line = ''] = head.split('\r\n', 1);
    this.write(`${head}\r\n\r\n${body}`);
    return await this.response(line.startsWith('HEAD '));
  }

  get(path: string, fields = ''): Promise<RawResponse> {
    return this.request(`GET ${path} HTTP/1.1\r\nHost: test\r\n${fields}`.replace(/\r\n$/, ''));
  }

  /** The next response on the connection, interim ones included. Rejects when the connection ends before its end. */
  async response(headOnly = false): Promise<RawResponse> {
    const head = (await this.take((bytes) => endOf(bytes, '\r\n\r\n'))).toString('latin1');
    const fields = fieldsOf(head);
    const status = Number(head.slice(9, 12));
    if (headOnly || status < 200 || status === 204 || status === 304)
      return done(status, head, fields, Buffer.alloc(0));
    const length = fields.get('content-length');
    if (length !== undefined) return done(status, head, fields, await this.take(() => Number(length)));
    if (fields.get('transfer-encoding') === 'chunked') return done(status, head, fields, await this.#chunks());
    await this.ended();
    return done(status, head, fields, await this.take((bytes) => bytes.length));
  }

  /** Waits until `measure` finds as many bytes as it wants (−1: not yet), and takes them. */
  async take(measure: (bytes: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const wanted = measure(this.received);
      if (wanted >= 0 && wanted <= this.received.length) {
        const bytes = this.received.subarray(0, wanted);
        this.received = this.received.subarray(wanted);
        return bytes;
      }
      if (this.end !== null)
        throw new Error(`the connection ended (${this.end}) after ${JSON.stringify(String(this.received))}`);
      await this.#change();
    }
  }

  /** Waits for the end of the connection; says how it ended. */
  async ended(): Promise<'fin' | 'reset'> {
    while (this.end === null) await this.#change();
    return this.end;
  }

  close(): void {
    this.socket.destroy();
  }

  async #chunks(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const line = (await this.take((bytes) => endOf(bytes, '\r\n'))).toString('latin1');
      const size = Number.parseInt(line, 16);
      if (size === 0) break;
      parts.push((await this.take(() => size + 2)).subarray(0, size));
    }
    for (let line = ''; line !== '\r\n'; ) line = (await this.take((bytes) => endOf(bytes, '\r\n'))).toString('latin1');
    return Buffer.concat(parts);
  }

  #ended(how: 'fin' | 'reset'): void {
    this.end ??= how;
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => void this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}

function done(status: number, head: string, fields: ReadonlyMap<string, string>, body: Buffer): RawResponse {
  return { status, head, fields, body };
}

export function endOf(bytes: Buffer, mark: string): number {
  const at = bytes.indexOf(mark, 0, 'latin1');
  return at < 0 ? -1 : at + mark.length;
}

export function fieldsOf(head: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}
