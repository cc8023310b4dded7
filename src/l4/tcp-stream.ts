import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Outcome } from '../balancers/types.ts';
import type { HeadgateError } from '../core/errors.ts';
import { ListenerField, RouteField } from '../telemetry/counters.ts';
import type { StreamEnd } from '../telemetry/stream-ends.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedStreamRoute } from '../upstream/plan.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { LongUse } from './departures.ts';
import { Dial } from './dial.ts';
import type { DataPlane } from './listener.ts';
import type { ConnectionPeers } from './peers.ts';
import { ReadBuffer, type ReadBufferPool } from './read-buffer.ts';
import { Relay, type RelayEnd } from './relay.ts';
import { reset } from './reset.ts';
import { countStreamEnd, endOfCut, endOfDial, endOfRelay } from './stream-end.ts';
import type { StreamRecord } from './stream-record.ts';

/** Milliseconds; 0 for no bound. */
export interface StreamSettings {
  /** Without a byte either way. */
  readonly idleTimeoutMs: number;
  /** The same after one side has sent its FIN. */
  readonly finTimeoutMs: number;
  /** From the connection to the node on, whatever it carries. */
  readonly lifetimeMs: number;
}

/** What the streams of a listener share. */
export interface StreamHost {
  readonly plane: DataPlane;
  readonly settings: StreamSettings;
  readonly buffers: ReadBufferPool;
  /** Row of the listener's counters. */
  readonly slot: number;
  onUnserved(stream: TcpStream, error: HeadgateError): void;
  onDone(stream: TcpStream): void;
}

/** A connection that was let in, and who it is with. */
export interface StreamClient {
  readonly socket: Socket;
  readonly peers: ConnectionPeers;
  /** Null when it is not logged. */
  readonly record: StreamRecord | null;
}

/** One client's connection from its route to its end: first a dial, during which the client is not read, then a relay. */
export class TcpStream implements LongUse {
  readonly #client: Socket;
  readonly #route: PlannedStreamRoute;
  readonly #upstream: Upstream;
  readonly #host: StreamHost;
  readonly #record: StreamRecord | null;
  readonly #startedAt: number;
  readonly #reader: ReadBuffer;
  /** Held until the node is settled: a long stream does not keep the snapshot that it began with. */
  #snapshot: Snapshot | null;
  #dial: Dial | null;
  #relay: Relay | null = null;
  #handle: TableHandle | null = null;
  #countedToUpstream = 0;
  #countedToClient = 0;

  constructor(
    client: StreamClient,
    route: PlannedStreamRoute,
    upstream: Upstream,
    snapshot: Snapshot,
    host: StreamHost,
  ) {
    this.#client = client.socket;
    this.#route = route;
    this.#upstream = upstream;
    this.#host = host;
    const { record } = client;
    this.#record = record;
    this.#reader = new ReadBuffer(host.buffers);
    this.#snapshot = snapshot;
    snapshot.users += 1;
    this.#dial = new Dial(upstream, route.subset, {
      clock: host.plane.clock,
      wheel: host.plane.wheel,
      peers: client.peers,
      record,
      onread: {
        buffer: () => this.#reader.next(),
        callback: record
          ? (length) => {
              record.fromNode();
              return this.#read(length);
            }
          : (length) => this.#read(length),
      },
      onRetry: () => host.plane.routeCounters.add(route.slot, RouteField.retries, 1),
      onConnected: (socket, handle) => this.#connected(socket, handle),
      onFailed: (error) => this.#unserved(error),
    });
    this.#startedAt = this.#dial.startedAt;
  }

  /** What it carries, for reports. */
  get route(): PlannedStreamRoute {
    return this.#route;
  }

  start(): void {
    this.#dial?.start();
  }

  /** Adds what was carried since the last time to the counters. */
  count(): void {
    const relay = this.#relay;
    if (!relay) return;
    const sent = relay.toUpstream - this.#countedToUpstream;
    const received = relay.toClient - this.#countedToClient;
    if (sent === 0 && received === 0) return;
    this.#countedToUpstream += sent;
    this.#countedToClient += received;
    const { routeCounters, listenerCounters } = this.#host.plane;
    routeCounters.add(this.#route.slot, RouteField.requestBytes, sent);
    routeCounters.add(this.#route.slot, RouteField.responseBytes, received);
    listenerCounters.add(this.#host.slot, ListenerField.receivedBytes, sent);
    listenerCounters.add(this.#host.slot, ListenerField.sentBytes, received);
    this.#handle?.transferred(sent, received);
  }

  /** Cuts it with an RST to both sides, whatever it is doing. */
  cut(cause: string): void {
    if (this.#relay) return this.#relay.destroy(cause);
    if (!this.#dial) return;
    this.#dial.cancel();
    this.#settled();
    reset(this.#client);
    this.#over(endOfCut(cause), 'connect', cause, this.#host.plane.clock.now());
  }

  #connected(socket: Socket, handle: TableHandle): void {
    const { plane, settings } = this.#host;
    this.#settled();
    this.#handle = handle;
    handle.established();
    plane.departures.add(this.#upstream, handle, this);
    const relay = new Relay(this.#client, socket, {
      wheel: plane.wheel,
      idleTimeoutMs: this.#route.idleTimeout ?? settings.idleTimeoutMs,
      finTimeoutMs: settings.finTimeoutMs,
      lifetimeMs: this.#route.maxLifetime ?? settings.lifetimeMs,
      onEnd: (end) => this.#ended(end),
    });
    this.#relay = relay;
    if (socket instanceof TLSSocket) {
      if (this.#record) socket.once('data', () => this.#record?.fromNode());
      socket.on('data', (chunk: Buffer) => {
        if (!relay.upstreamData(chunk, chunk.length)) socket.pause();
      });
    }
    relay.start();
  }

  #unserved(error: HeadgateError): void {
    this.#settled();
    reset(this.#client);
    this.#host.onUnserved(this, error);
    const { end, cause } = endOfDial(error);
    this.#over(end, 'connect', cause, this.#host.plane.clock.now());
  }

  #settled(): void {
    this.#dial = null;
    if (this.#snapshot) this.#host.plane.snapshots.release(this.#snapshot);
    this.#snapshot = null;
  }

  #read(length: number): boolean {
    const more = this.#relay?.upstreamData(this.#reader.bytes(0, length), length) ?? false;
    this.#reader.wrote(this.#client);
    return more;
  }

  #ended(end: RelayEnd): void {
    this.count();
    this.#reader.release();
    const handle = this.#handle;
    const record = this.#record;
    const now = this.#host.plane.clock.now();
    if (handle) {
      const outcome = outcomeOf(end);
      this.#host.plane.departures.remove(this.#upstream.plan.id, handle, this);
      handle.end(outcome, now);
      record?.left(handle, outcome);
    }
    if (record) {
      record.bytesIn = end.toUpstream;
      record.bytesOut = end.toClient;
    }
    this.#over(endOfRelay(end), 'relay', end.cause, now);
  }

  #over(end: StreamEnd, phase: string, cause: string | null, now: number): void {
    countStreamEnd(this.#host.plane.routeCounters, this.#route.slot, end, now - this.#startedAt);
    this.#record?.end(end, phase, cause);
    this.#host.onDone(this);
  }
}

function outcomeOf(end: RelayEnd): Outcome {
  if (end.by === 'shutdown') return Outcome.aborted;
  if (end.by === 'idle') return end.toClient === 0 ? Outcome.timeout : Outcome.success;
  if (end.cause === null) return Outcome.success;
  return end.by === 'upstream' ? Outcome.reset : Outcome.aborted;
}
