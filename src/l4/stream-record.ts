import type { TLSSocket } from 'node:tls';
import { OUTCOMES, type Outcome } from '../balancers/types.ts';
import { canonicalIp, formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { AccessTry, StreamAccessLog } from '../telemetry/access-log.ts';
import type { StreamEnd } from '../telemetry/stream-ends.ts';
import type { StreamEntry } from '../telemetry/stream-entry.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedStreamRoute } from '../upstream/plan.ts';
import type { ConnectionPeers } from './peers.ts';
import { endedBy } from './stream-end.ts';

/** Nodes of one stream that are named; of a UDP session, which may see any number of them, the last ones. */
const MAX_TRIES = 16;

/** Where the entries of a listener's streams go. */
export interface StreamLogging {
  /** Name of the listener. */
  readonly listener: string;
  readonly clock: Clock;
  readonly log: StreamAccessLog;
}

/** Collects what the access log says of one stream, from its first moment on. There is none while that log is off. */
export class StreamRecord {
  /** Set anew when a proxy in front names the client. */
  client: ConnectionPeers;
  route: PlannedStreamRoute | null = null;
  serverName: string | null = null;
  bytesIn = 0;
  bytesOut = 0;
  datagramsIn: number | null = null;
  datagramsOut: number | null = null;
  readonly #logging: StreamLogging;
  #protocol: StreamEntry['protocol'];
  readonly #startedAt: number;
  readonly #peer: string;
  #tls: StreamEntry['tls'] = null;
  #connectMs: number | null = null;
  #firstByteMs: number | null = null;
  readonly #tries: AccessTry[] = [];
  #connectMicros = 0;

  /** `peers`: of the socket. It is asked now, since a closed one knows only what it was asked before. */
  constructor(logging: StreamLogging, protocol: StreamEntry['protocol'], peers: ConnectionPeers) {
    this.#logging = logging;
    this.#protocol = protocol;
    this.#startedAt = logging.clock.now();
    this.#peer = formatAddress({ host: canonicalIp(peers.remoteAddress ?? ''), port: peers.remotePort ?? 0 });
    this.client = peers;
  }

  /** TLS is terminated here. */
  handshaking(): void {
    this.#protocol = 'tls';
  }

  secured(socket: TLSSocket): void {
    this.#tls = { version: socket.getProtocol() ?? '', cipher: socket.getCipher().name };
  }

  /** The use of a node is over, `micros` after it began. */
  tried({ node }: TableHandle, outcome: Outcome, micros: number): void {
    if (this.#tries.length === MAX_TRIES) this.#tries.shift();
    this.#tries.push({ node: formatAddress(node), outcome: OUTCOMES[outcome]!, micros });
  }

  /** A node is connected, `micros` after the try began. */
  connected(micros: number): void {
    this.#connectMicros = micros;
    this.#connectMs = this.#elapsed();
  }

  /** The use of the node that was connected is over. */
  left(handle: TableHandle, outcome: Outcome): void {
    this.tried(handle, outcome, this.#connectMicros);
  }

  /** The node has sent something; only the first time counts. */
  fromNode(): void {
    this.#firstByteMs ??= this.#elapsed();
  }

  /** Writes the entry. Once. `cause` is null when it ended in order. */
  end(reason: StreamEnd, phase: string, cause: string | null): void {
    const { listener, clock, log } = this.#logging;
    const durationMs = this.#elapsed();
    log.recordStream({
      time: clock.wall() - durationMs,
      listener,
      client: canonicalIp(this.client.remoteAddress ?? ''),
      clientPort: this.client.remotePort ?? 0,
      peer: this.#peer,
      protocol: this.#protocol,
      serverName: this.serverName,
      tls: this.#tls,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      datagramsIn: this.datagramsIn,
      datagramsOut: this.datagramsOut,
      connectMs: this.#connectMs,
      firstByteMs: this.#firstByteMs,
      durationMs,
      route: this.route?.id ?? null,
      upstream: this.route?.upstreamId ?? null,
      tries: this.#tries,
      end: { by: endedBy(reason), phase, reason, cause },
    });
  }

  #elapsed(): number {
    return this.#logging.clock.now() - this.#startedAt;
  }
}
