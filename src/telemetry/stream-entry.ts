import type { AccessEnd, AccessTry } from './access-entry.ts';
import type { StreamEnd } from './stream-ends.ts';

/** Who ended a stream, in which phase, and why. */
export interface StreamEntryEnd extends AccessEnd {
  /** `accept`, `proxy`, `tls`, `hello` (reading the server name), `route`, `connect` or `relay`. */
  readonly phase: string;
  readonly reason: StreamEnd;
}

/**
 * What is known of one TCP stream or UDP session when it is over. Durations count from `time` on, so that they are points
 * on one line.
 */
export interface StreamEntry {
  /** Wall-clock milliseconds at which the connection was accepted, or the first datagram came. */
  readonly time: number;
  /** Name of the listener, as configured. */
  readonly listener: string;
  /** The client's IP address and port, as a trusted proxy names them if there is one. */
  readonly client: string;
  readonly clientPort: number;
  /** Who is connected here, `host:port`: the client, or the proxy that speaks for it. */
  readonly peer: string;
  /** `tls` where it is terminated here. */
  readonly protocol: 'tcp' | 'tls' | 'udp';
  /** The name that the client's TLS asks for, where it was read. */
  readonly serverName: string | null;
  /** What was negotiated with the client; null where TLS is not terminated, or the handshake failed. */
  readonly tls: { readonly version: string; readonly cipher: string } | null;
  /** Bytes from the client. */
  readonly bytesIn: number;
  /** Bytes to the client. */
  readonly bytesOut: number;
  /** The same in datagrams; null for TCP. */
  readonly datagramsIn: number | null;
  readonly datagramsOut: number | null;
  /** Until a node was connected; null when none was, and for UDP, which has no connections. */
  readonly connectMs: number | null;
  /** Until the node's first byte; null when none came. */
  readonly firstByteMs: number | null;
  readonly durationMs: number;
  readonly route: string | null;
  readonly upstream: string | null;
  /** `micros`: time to the connection, or to the failure; of UDP to the first reply, or to the end. */
  readonly tries: readonly AccessTry[];
  readonly end: StreamEntryEnd;
}
