import { formatAddress } from '../../core/address.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { Probe, ProbeResult, ProbeVerdict } from '../types.ts';
import { converse } from './conversation.ts';

export interface HttpProbeOptions {
  readonly timeoutMs: number;
  /** Path and query, as sent. */
  readonly path: string;
  /** The Host header; null sends the address. */
  readonly host: string | null;
  /** More header lines, each `Name: value`. A Host or User-Agent among them replaces the probe's own. */
  readonly headers: readonly string[];
  readonly healthyStatuses: readonly number[];
  readonly unhealthyStatuses: readonly number[];
}

const MAX_HEAD = 16_384;
const HEADER_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*$/;
const PATH = /^\/[\x21-\x7e]*$/;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n/;

/**
 * Sends one GET and judges the status of the answer; reads no further than the answer's head, of at most 16 KiB.
 * A status in neither list is `neutral`, as in APISIX. Throws a TypeError for a path or a header line that is not valid.
 */
export function createHttpProbe(options: HttpProbeOptions, clock: Clock = systemClock): Probe {
  const before = requestStart(options.path);
  const after = requestEnd(options.headers);
  const ownHost = options.headers.some((line) => /^host:/i.test(line));
  const judge = (status: number) => judgeStatus(status, options);
  return {
    check: (address, signal) => {
      const host = ownHost ? '' : `Host: ${options.host ?? formatAddress(address)}\r\n`;
      const head = new AnswerHead(judge);
      return converse(address, options.timeoutMs, clock, signal, {
        connected: (socket) => {
          socket.write(before + host + after, 'latin1');
          return null;
        },
        heard: (bytes, elapsed) => head.read(bytes, elapsed),
      });
    },
  };
}

function requestStart(path: string): string {
  if (!PATH.test(path))
    throw new TypeError(`"${path}" is not a path for a health check: it begins with / and has no spaces`);
  return `GET ${path} HTTP/1.1\r\n`;
}

function requestEnd(headers: readonly string[]): string {
  for (const line of headers) {
    if (!HEADER_LINE.test(line)) throw new TypeError(`"${line}" is not a header line; write it as "Name: value"`);
  }
  const agent = headers.some((line) => /^user-agent:/i.test(line)) ? [] : ['User-Agent: headgate-check'];
  return [...agent, 'Accept: */*', 'Connection: close', ...headers, '', ''].join('\r\n');
}

function judgeStatus(status: number, options: HttpProbeOptions): ProbeVerdict {
  if (options.healthyStatuses.includes(status)) return 'success';
  return options.unhealthyStatuses.includes(status) ? 'status' : 'neutral';
}

/** Collects an answer's head, skipping interim ones (1xx other than 101), within one allowance of bytes. */
class AnswerHead {
  readonly #judge: (status: number) => ProbeVerdict;
  #text = '';
  #room = MAX_HEAD;

  constructor(judge: (status: number) => ProbeVerdict) {
    this.#judge = judge;
  }

  /** Null while the head is not complete. */
  read(bytes: Buffer, elapsed: string): ProbeResult | null {
    this.#text += bytes.toString('latin1', 0, this.#room);
    this.#room -= Math.min(this.#room, bytes.length);
    for (;;) {
      const status = this.#status();
      if (status === null) return broken(`the answer is not HTTP/1: ${JSON.stringify(this.#text.slice(0, 40))}`);
      const end = /\r?\n\r?\n/.exec(this.#text);
      if (!end || status === undefined) {
        return this.#room === 0 ? broken(`the head of the answer is longer than ${MAX_HEAD} bytes`) : null;
      }
      if (status >= 200 || status === 101) return { verdict: this.#judge(status), detail: `${status} in ${elapsed}` };
      this.#text = this.#text.slice(end.index + end[0].length);
    }
  }

  /** Undefined while the first line is not complete; null when it cannot become a status line. */
  #status(): number | undefined | null {
    const line = STATUS_LINE.exec(this.#text);
    if (line) return Number(line[1]);
    const start = this.#text.slice(0, 9);
    const possible = 'HTTP/1.1 '.startsWith(start) || 'HTTP/1.0 '.startsWith(start);
    return possible && !this.#text.includes('\n') ? undefined : null;
  }
}

function broken(detail: string): ProbeResult {
  return { verdict: 'tcp', detail };
}
