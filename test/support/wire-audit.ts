/** A request as the strictest reading of the bytes has it. */
export interface AuditedRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Every byte of the message, as it came. */
  readonly raw: Buffer;
  /** The body without chunk framing. */
  readonly body: Buffer;
  /** Bytes of the body on the wire, chunk framing included. */
  readonly wireBody: number;
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const START = /^([\w!#$%&'*+.^`|~-]+) (\*|\/[!"$-[\]-~]*) HTTP\/1\.1$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const HOST = /^(?:[\w~-]+(?:\.[\w~-]+)*\.?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;
/** What a request may not hold twice. */
const SINGLE = ['host', 'content-length', 'transfer-encoding', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-proto'];
const OPTIONS = ['close', 'keep-alive', 'upgrade', 'te'];

interface Head {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly chunked: boolean;
  readonly length: number;
}

/**
 * Reads requests as a suspicious node would: whatever two readers could understand in two ways is a problem. It shares
 * no code with the proxy, and it is slow and plain on purpose.
 */
export class RequestAudit {
  readonly requests: AuditedRequest[] = [];
  /** Why the bytes cannot be trusted; null while they can. */
  problem: string | null = null;
  #bytes: Buffer = Buffer.alloc(0);
  #head: Head | null = null;
  #bodyStart = 0;

  /** Bytes that are no whole request yet. */
  get partial(): Buffer {
    return this.#bytes;
  }

  feed(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    while (this.problem === null && this.#bytes.length > 0 && this.#next());
  }

  #next(): boolean {
    if (this.#head === null) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return false;
      this.#head = this.#readHead(this.#bytes.toString('latin1', 0, end));
      this.#bodyStart = end + 4;
    }
    const head = this.#head;
    if (head === null) return false;
    const rest = this.#bytes.subarray(this.#bodyStart);
    const read = head.chunked ? this.#readChunks(rest) : readLength(rest, head.length);
    if (read === null) return false;
    const end = this.#bodyStart + read.end;
    const { method, target, host } = head;
    const raw = this.#bytes.subarray(0, end);
    this.requests.push({ method, target, host, raw, body: read.body, wireBody: read.end });
    this.#bytes = this.#bytes.subarray(end);
    this.#head = null;
    return true;
  }

  #readHead(text: string): Head | null {
    const [start = '', ...lines] = text.split('\r\n');
    const line = START.exec(start);
    if (line === null) return this.#fail(`request line ${JSON.stringify(start)}`);
    const fields = this.#readFields(lines);
    if (fields === null) return null;
    for (const name of SINGLE) {
      if ((fields.get(name)?.length ?? 0) > 1) return this.#fail(`${name} is repeated`);
    }
    const host = fields.get('host')?.[0] ?? '';
    if (!HOST.test(host)) return this.#fail(`Host ${JSON.stringify(host)}`);
    const length = fields.get('content-length')?.[0];
    if (length !== undefined && !/^\d{1,16}$/.test(length)) return this.#fail(`Content-Length ${length}`);
    const coding = fields.get('transfer-encoding')?.[0];
    if (coding !== undefined && coding !== 'chunked') return this.#fail(`Transfer-Encoding ${coding}`);
    if (coding !== undefined && length !== undefined) return this.#fail('two framings');
    const method = line[1]!;
    return { method, target: line[2]!, host, chunked: coding !== undefined, length: Number(length ?? 0) };
  }

  #readFields(lines: readonly string[]): Map<string, string[]> | null {
    const fields = new Map<string, string[]>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(colon, 0));
      const value = line.slice(colon + 1);
      if (!TOKEN.test(name) || !VALUE.test(value)) return this.#fail(`field ${JSON.stringify(line)}`);
      if (name.includes('_')) return this.#fail(`alias ${name}`);
      const key = name.toLowerCase();
      fields.set(key, [...(fields.get(key) ?? []), value.replace(/^[ \t]+|[ \t]+$/g, '')]);
    }
    const options = (fields.get('connection') ?? []).join(',').toLowerCase().split(',');
    const odd = options.map((option) => option.trim()).find((option) => option !== '' && !OPTIONS.includes(option));
    if (odd !== undefined) return this.#fail(`Connection names ${odd}`);
    const upgrade = fields.get('upgrade')?.join();
    if (upgrade !== undefined && upgrade !== 'websocket') return this.#fail(`Upgrade ${upgrade}`);
    return fields;
  }

  #readChunks(bytes: Buffer): { body: Buffer; end: number } | null {
    const parts: Buffer[] = [];
    for (let at = 0; ; ) {
      const lineEnd = bytes.indexOf('\n', at);
      if (lineEnd < 0) return null;
      const line = bytes.toString('latin1', at, lineEnd + 1);
      if (!/^[\da-fA-F]{1,15}\r\n$/.test(line)) return this.#fail(`chunk line ${JSON.stringify(line)}`);
      const size = Number.parseInt(line, 16);
      at = lineEnd + 1;
      if (size === 0) {
        const end = this.#trailerEnd(bytes, at);
        return end < 0 ? null : { body: Buffer.concat(parts), end };
      }
      if (bytes.length < at + size + 2) return null;
      if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n') return this.#fail('end of a chunk');
      parts.push(bytes.subarray(at, at + size));
      at += size + 2;
    }
  }

  #trailerEnd(bytes: Buffer, start: number): number {
    for (let at = start; ; ) {
      const lineEnd = bytes.indexOf('\r\n', at);
      if (lineEnd < 0) return -1;
      if (lineEnd === at) return at + 2;
      const line = bytes.toString('latin1', at, lineEnd);
      const name = line.slice(0, Math.max(0, line.indexOf(':')));
      const framing = /^(?:content-length|transfer-encoding|host|x-forwarded-.*)$/i.test(name);
      if (!TOKEN.test(name) || !VALUE.test(line) || framing) {
        this.#fail(`trailer ${JSON.stringify(line)}`);
        return -1;
      }
      at = lineEnd + 2;
    }
  }

  #fail(problem: string): null {
    this.problem = problem;
    return null;
  }
}

function readLength(bytes: Buffer, length: number): { body: Buffer; end: number } | null {
  return bytes.length < length ? null : { body: bytes.subarray(0, length), end: length };
}
