import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { type Address, formatAddress } from '../../core/address.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { GrpcQuestion, Probe, ProbeResult } from '../types.ts';
import { type Attempt, attempt, broken, failure } from './attempt.ts';
import { decodeResponse, encodeRequest } from './grpc-messages.ts';
import { type TlsClient, tlsClientFor } from './tls-client.ts';

export interface GrpcProbeOptions extends Omit<GrpcQuestion, 'type'> {
  readonly timeoutMs: number;
}

const PATH = '/grpc.health.v1.Health/Check';
/** Far more than the answer can have. */
const MAX_ANSWER = 4_096;

/**
 * Asks `grpc.health.v1.Health/Check`, over a connection of its own. `SERVING` is a success; another status, or an error
 * of gRPC such as UNIMPLEMENTED, counts as a failing status.
 */
export function createGrpcProbe(options: GrpcProbeOptions, clock: Clock = systemClock): Probe {
  const { timeoutMs, host } = options;
  const tls = tlsClientFor(options.tls, host, ['h2']);
  const message = encodeRequest(options.service);
  const metadata = metadataOf(options.headers);
  return {
    check: (address, signal) =>
      attempt(timeoutMs, clock, signal, (attempted) => {
        const socket = open(address, tls);
        const authority = host ?? formatAddress(address);
        const session = connect(`http://${formatAddress(address)}`, {
          createConnection: () => socket,
          settings: { enablePush: false },
        });
        let awaits = 'connection';
        session.once('connect', () => (awaits = 'answer'));
        // Both stay for the objects' lives: an error after the end must not become an uncaught one.
        session.on('error', (error) => attempted.finish(failure(error)));
        socket.on('error', (error) => attempted.finish(failure(error)));
        session.on('close', () => attempted.finish(broken('connection closed before the answer was complete')));
        const stream = session.request({
          ...metadata,
          ':method': 'POST',
          ':scheme': tls ? 'https' : 'http',
          ':authority': authority,
          ':path': PATH,
          'content-type': 'application/grpc',
          'grpc-timeout': `${Math.ceil(timeoutMs)}m`,
          te: 'trailers',
        });
        stream.end(message);
        listen(stream, attempted);
        const release = () => {
          session.destroy();
          socket.destroy();
        };
        return { awaits: () => awaits, release };
      }),
  };
}

function open({ host, port }: Address, tls: TlsClient | null): Socket {
  return tls ? tls.connect({ host, port }) : connectTcp({ host, port });
}

/** Header lines as gRPC's metadata: names in lower case. */
function metadataOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { 'user-agent': 'headgate-check', ...Object.fromEntries(pairs) };
}

function listen(stream: ClientHttp2Stream, { finish, elapsed }: Attempt): void {
  const pieces: Buffer[] = [];
  let length = 0;
  let trailers: IncomingHttpHeaders = {};
  stream.on('error', (error) => finish(failure(error)));
  stream.on('response', (headers) => {
    const status = headers[':status'];
    if (status !== 200) finish({ verdict: 'status', detail: `HTTP status ${status} in ${elapsed()}` });
    // An answer of trailers only has its status here.
    trailers = headers;
  });
  stream.on('data', (bytes: Buffer) => {
    length += bytes.length;
    if (length > MAX_ANSWER) return finish(broken(`the answer is longer than ${MAX_ANSWER} bytes`));
    pieces.push(bytes);
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.on('close', () => finish(judge(trailers, Buffer.concat(pieces), elapsed())));
}

function judge(trailers: IncomingHttpHeaders, body: Buffer, elapsed: string): ProbeResult {
  const code = trailers['grpc-status'];
  if (code === undefined) return broken('the answer ended without a grpc-status');
  if (code !== '0') {
    const message = String(trailers['grpc-message'] ?? '').slice(0, 100);
    return { verdict: 'status', detail: `gRPC status ${code}${message && ` (${message})`} in ${elapsed}` };
  }
  const status = decodeResponse(body);
  if (status === null) return broken('the answer is not a HealthCheckResponse');
  return { verdict: status === 'SERVING' ? 'success' : 'status', detail: `${status} in ${elapsed}` };
}
