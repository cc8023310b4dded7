import type { Socket } from 'node:net';
import { WheelTimer } from '../core/timer-wheel.ts';
import type { ConnectionPeers } from '../l4/peers.ts';
import type { Relay } from '../l4/relay.ts';
import { ListenerField } from '../telemetry/counters.ts';
import { ClientForwarding } from './client-forwarding.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeClient } from './exchange-client.ts';
import type { HttpContext } from './http-context.ts';
import { InputBuffer } from './input-buffer.ts';
import { HIGH_WATER } from './message-writer.ts';
import { parseRequestHead } from './request-head.ts';

/** How long a connection that we end is still read, so that the client can read our last answer before an RST. */
const LINGER_MS = 2000;
/** What is read and dropped meanwhile. */
const LINGER_BYTES = 64 * 1024;
/** How long a client may take to fetch the last answer. */
const FLUSH_MS = 60_000;
/** How long an idle connection stays open when the listener drains: a request may be on its way. */
const LAME_DUCK_MS = 500;

const State = { waiting: 0, exchange: 1, closing: 2, tunnel: 3, closed: 4 } as const;
type State = (typeof State)[keyof typeof State];

/** What a client connection asks of its listener. */
export interface ConnectionOwner extends HttpContext {
  connectionClosed(connection: ClientConnection): void;
}

/** A client's connection: reads one request head after the other and lets the exchange do the rest. */
export class ClientConnection implements ExchangeClient {
  readonly socket: Socket;
  readonly forwarding: ClientForwarding;
  readonly input = new InputBuffer();
  ended = false;
  readonly #owner: ConnectionOwner;
  readonly #exchange: Exchange;
  readonly #timer: WheelTimer;
  #state: State = State.waiting;
  #relay: Relay | null = null;
  #paused = false;
  #advancing = false;
  /** The timer runs for a head of which some bytes are here, or for the first head. */
  #headDue = true;
  #dropped = 0;

  /** `peers` is the socket itself, or what a proxy in front says. */
  constructor(socket: Socket, peers: ConnectionPeers, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.forwarding = new ClientForwarding({
      remoteAddress: peers.remoteAddress ?? '',
      scheme: 'http',
      localPort: peers === socket ? owner.port : (peers.localPort ?? owner.port),
      trusted: owner.settings.trusted,
    });
    this.#exchange = new Exchange(owner, this);
    this.#timer = new WheelTimer(() => this.#timedOut());
    owner.wheel.arm(this.#timer, owner.settings.headTimeoutMs);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Ends the connection if it is idle, after a moment; otherwise its next answer is the last. */
  drain(): void {
    if (this.#state === State.waiting && this.input.length === 0) this.#owner.wheel.arm(this.#timer, LAME_DUCK_MS);
  }

  /** Cuts whatever is under way. */
  destroy(): void {
    if (this.#relay !== null) this.#relay.destroy('SHUTDOWN');
    else this.abort();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  awaitClient(timeoutMs: number): void {
    this.#owner.wheel.arm(this.#timer, timeoutMs);
  }

  exchangeEnded(keepAlive: boolean): void {
    if (this.#state !== State.exchange) return;
    if (!keepAlive) return this.#finish();
    this.#state = State.waiting;
    this.#headDue = false;
    const { settings, draining, wheel } = this.#owner;
    wheel.arm(this.#timer, draining ? LAME_DUCK_MS : settings.idleTimeoutMs);
    this.resume();
    this.#advance();
  }

  abort(): void {
    if (this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
    this.#gone('ABORTED');
  }

  handOver(): Buffer {
    const { socket, input } = this;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('drain', this.#onDrain);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#owner.wheel.remove(this.#timer);
    const bytes = input.bytes.subarray(input.start, input.end);
    input.clear();
    return bytes;
  }

  tunnelOpened(relay: Relay): void {
    this.#state = State.tunnel;
    this.#relay = relay;
  }

  tunnelClosed(): void {
    this.#relay = null;
    this.#gone('TUNNEL_CLOSED');
  }

  readonly #onData = (chunk: Buffer): void => {
    const owner = this.#owner;
    owner.plane.listenerCounters.add(owner.plan.slot, ListenerField.receivedBytes, chunk.length);
    if (this.#state === State.waiting) {
      this.input.append(chunk);
      this.#advance();
    } else if (this.#state === State.exchange) {
      this.input.append(chunk);
      this.#feed();
    } else if (this.#state === State.closing) {
      this.#dropped += chunk.length;
      if (this.#dropped > LINGER_BYTES) this.socket.destroy();
    }
  };

  readonly #onEnd = (): void => {
    this.ended = true;
    if (this.#state === State.waiting) this.#finish();
    else if (this.#state === State.exchange) this.#exchange.clientEnded();
  };

  readonly #onDrain = (): void => {
    if (this.#state === State.exchange) this.#exchange.clientDrained();
    else if (this.#state === State.waiting) {
      this.resume();
      this.#advance();
    }
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#gone(error.code ?? 'CLIENT_ERROR');
  };

  readonly #onClose = (): void => {
    this.#gone('CLIENT_CLOSED');
  };

  /** Bytes came during an exchange: they are its body, or wait for their turn. */
  #feed(): void {
    try {
      this.#exchange.clientBytes();
    } catch (error) {
      this.#exchange.crashed(error);
    }
    if (this.#state === State.exchange && this.input.length >= this.#owner.settings.limits.maxBytes) this.pause();
  }

  /** Serves the requests that are here, one after the other, as long as none has to wait. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#state === State.waiting && this.input.length > 0 && this.#readHead());
    } catch (error) {
      this.#exchange.crashed(error);
    }
    this.#advancing = false;
    if (this.#state === State.waiting && this.ended) this.#finish();
  }

  /** Reads a head and begins its exchange. False when it is not complete. */
  #readHead(): boolean {
    const { input } = this;
    const { settings, plane, plan, wheel } = this.#owner;
    if (this.socket.writableLength > HIGH_WATER) {
      // A client that sends requests and does not read the answers is served no further.
      this.pause();
      return false;
    }
    const taken = parseRequestHead(input.bytes, input.start, input.end, settings.limits, this.#exchange.head);
    if (taken === 0) {
      if (!this.#headDue) wheel.arm(this.#timer, settings.headTimeoutMs);
      this.#headDue = true;
      return false;
    }
    this.#state = State.exchange;
    if (taken < 0) {
      plane.listenerCounters.add(plan.slot, ListenerField.badRequests, 1);
      this.#exchange.refuse(this.#exchange.head.rejection!);
      return false;
    }
    input.consume(taken);
    plane.listenerCounters.add(plan.slot, ListenerField.requests, 1);
    this.#exchange.begin();
    return true;
  }

  /** Ends our side, and reads on for a while: closing with unread bytes would take the last answer from the client. */
  #finish(): void {
    const { socket } = this;
    this.#state = State.closing;
    this.input.clear();
    this.#owner.wheel.arm(this.#timer, FLUSH_MS);
    socket.end(this.#onFlushed);
    this.resume();
  }

  readonly #onFlushed = (): void => {
    if (this.#state === State.closing) this.#owner.wheel.arm(this.#timer, LINGER_MS);
  };

  #timedOut(): void {
    if (this.#state === State.exchange) return this.#exchange.clientStalled();
    if (this.#state !== State.waiting || this.input.length === 0) {
      this.socket.destroy();
      return;
    }
    this.#state = State.exchange;
    this.#exchange.headTimedOut();
  }

  #gone(code: string): void {
    if (this.#state === State.closed) return;
    const wasExchange = this.#state === State.exchange;
    this.#state = State.closed;
    this.#owner.wheel.remove(this.#timer);
    this.input.clear();
    if (wasExchange) this.#exchange.clientGone(code);
    this.#owner.connectionClosed(this);
  }
}
