import { formatAddress } from '../../core/address.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { Pattern } from '../../core/pattern.ts';
import type { HttpQuestion, Probe } from '../types.ts';
import { converse } from './conversation.ts';
import { HttpJudge } from './http-judge.ts';
import { tlsClientFor } from './tls-client.ts';

export interface HttpProbeOptions extends Omit<HttpQuestion, 'type'> {
  readonly timeoutMs: number;
}

const HEADER_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*$/;
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PATH = /^\/[\x21-\x7e]*$/;

/**
 * Sends one request and judges the answer: its status, and its body if that matters. Reads no further than it must: the
 * head, of at most 16 KiB, and of the body `bodyLimit` bytes. A status in neither list is `neutral`, as in APISIX.
 * Throws a TypeError for what cannot be sent and for a pattern that cannot be read.
 */
export function createHttpProbe(options: HttpProbeOptions, clock: Clock = systemClock): Probe {
  const { timeoutMs, host, headers } = options;
  const before = requestStart(options.method, options.path);
  const after = requestEnd(headers);
  const ownHost = headers.some((line) => /^host:/i.test(line));
  const tls = tlsClientFor(options.tls, host, ['http/1.1']);
  const body = options.expectBody === null ? null : new Pattern(options.expectBody);
  const expectations = { ...options, body };
  return {
    check: (address, signal) => {
      let judge: HttpJudge;
      return converse(
        { address, timeoutMs, clock, signal, tls },
        {
          connected: (socket, elapsed) => {
            judge = new HttpJudge(expectations, elapsed);
            const line = ownHost ? '' : `Host: ${host ?? formatAddress(address)}\r\n`;
            socket.write(before + line + after, 'latin1');
            return null;
          },
          heard: (bytes) => judge.read(bytes),
          ended: () => judge.ended(),
        },
      );
    },
  };
}

function requestStart(method: string, path: string): string {
  if (!METHOD.test(method)) throw new TypeError(`"${method}" is not a method of HTTP`);
  if (!PATH.test(path))
    throw new TypeError(`"${path}" is not a path for a health check: it begins with / and has no spaces`);
  return `${method} ${path} HTTP/1.1\r\n`;
}

function requestEnd(headers: readonly string[]): string {
  for (const line of headers) {
    if (!HEADER_LINE.test(line)) throw new TypeError(`"${line}" is not a header line; write it as "Name: value"`);
  }
  const agent = headers.some((line) => /^user-agent:/i.test(line)) ? [] : ['User-Agent: headgate-check'];
  return [...agent, 'Accept: */*', 'Connection: close', ...headers, '', ''].join('\r\n');
}
