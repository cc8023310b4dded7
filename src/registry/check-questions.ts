import { Agent, request } from 'undici';
import { parseAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';
import { createTcpProbe } from '../health/probes/tcp.ts';
import type { CheckStatus, HttpCheck, TcpCheck } from './model.ts';

export interface Finding {
  readonly status: CheckStatus;
  /** For people. */
  readonly output: string;
}

const DEFAULT_TIMEOUT = 10_000;
const OUTPUT_BYTES = 4_096;

/** Asks services how they are, as Consul's HTTP and TCP checks do. Never rejects. */
export class CheckQuestions implements Closable {
  readonly #clock: Clock;
  readonly #strict = new Agent({ pipelining: 0, keepAliveTimeout: 1 });
  readonly #lax = new Agent({ pipelining: 0, keepAliveTimeout: 1, connect: { rejectUnauthorized: false } });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ask(check: HttpCheck | TcpCheck, signal: AbortSignal): Promise<Finding> {
    return check.kind === 'http' ? this.#askHttp(check, signal) : this.#askTcp(check, signal);
  }

  async close(): Promise<void> {
    await Promise.all([this.#strict.destroy(), this.#lax.destroy()]);
  }

  async #askTcp(check: TcpCheck, signal: AbortSignal): Promise<Finding> {
    const address = parseAddress(check.target);
    if (!address) return { status: 'critical', output: `TCP connect ${check.target}: not host:port` };
    const probe = createTcpProbe({ timeoutMs: check.timeout || DEFAULT_TIMEOUT }, this.#clock);
    const { verdict, detail } = await probe.check(address, signal);
    const passed = verdict === 'success';
    return {
      status: passed ? 'passing' : 'critical',
      output: `TCP connect ${check.target}: ${passed ? 'Success' : detail}`,
    };
  }

  async #askHttp(check: HttpCheck, signal: AbortSignal): Promise<Finding> {
    const timeout = check.timeout || DEFAULT_TIMEOUT;
    const expiry = new AbortController();
    const timer = this.#clock.after(timeout, () => expiry.abort());
    try {
      const answer = await request(check.url, {
        method: check.method,
        headers: { 'user-agent': 'headgate-check', accept: '*/*', ...lowerCased(check.headers) },
        body: check.body === '' ? null : check.body,
        signal: AbortSignal.any([signal, expiry.signal]),
        dispatcher: check.skipTlsVerify ? this.#lax : this.#strict,
      });
      const text = await beginning(answer.body);
      const output = `HTTP ${check.method} ${check.url}: ${answer.statusCode} Output: ${text}`;
      return { status: statusOf(answer.statusCode), output };
    } catch (error) {
      const reason = expiry.signal.aborted ? `no answer within ${timeout} ms` : reasonOf(error);
      return { status: 'critical', output: `HTTP ${check.method} ${check.url}: ${reason}` };
    } finally {
      timer.cancel();
    }
  }
}

function lowerCased(headers: HttpCheck['headers']): Record<string, string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name.toLowerCase(), [...values]]));
}

function statusOf(code: number): CheckStatus {
  if (code >= 200 && code < 300) return 'passing';
  return code === 429 ? 'warning' : 'critical';
}

/** The first bytes of a body; the rest is not read. */
async function beginning(
  body: AsyncIterable<Buffer> & { destroy(): unknown; on(event: 'error', handler: () => void): unknown },
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= OUTPUT_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, OUTPUT_BYTES).toString();
}
