import { NO_HANDLES, Outcome, type PickContext } from '../balancers/types.ts';
import { formatAddress } from '../core/address.ts';
import type { RelayEnd } from '../l4/relay.ts';
import { RouteField } from '../telemetry/counters.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { Timeouts } from '../upstream/plan.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ClientForwarding } from './client-forwarding.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { ExchangeRecord } from './exchange-record.ts';
import { buildRequestHead, type OutboundRequest } from './forward-head.ts';
import { Framing, type Rejection, RequestHead, type ResponseHead } from './head.ts';
import type { HttpContext } from './http-context.ts';
import { HIGH_WATER, MessageWriter } from './message-writer.ts';
import { NodeUse } from './node-use.ts';
import { RequestBody } from './request-body.ts';
import {
  type Answer,
  answerText,
  BAD_BODY,
  BAD_RESPONSE,
  CONNECT_FAILED,
  CONNECT_TIMEOUT,
  INTERNAL_ERROR,
  NO_NODE,
  NO_ROUTE,
  READ_TIMEOUT,
  REQUEST_TIMEOUT,
  rejectionAnswer,
  SEND_TIMEOUT,
  UPSTREAM_CLOSED,
} from './respond.ts';
import { ResponseWriter } from './response-writer.ts';
import { decideRetry, type FailureKind } from './retry.ts';
import { forwardTarget } from './router.ts';
import { openTunnel } from './tunnel.ts';
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.ts';

/** The stage that an exchange is in, as the access log names it. */
type Phase = 'route' | 'connect' | 'send' | 'wait' | 'relay' | 'tunnel' | 'over';

/** One request and its answer: from the route over the tries to the end. One per client connection, reused. */
export class Exchange implements UpstreamUser, OutboundRequest {
  readonly head = new RequestHead();
  authority = '';
  target = '';
  readonly forwarding: ClientForwarding;
  readonly #context: HttpContext;
  readonly #client: ExchangeClient;
  readonly #record = new ExchangeRecord();
  readonly #body = new RequestBody();
  readonly #toClient = new ResponseWriter();
  readonly #toUpstream = new MessageWriter();
  readonly #use = new NodeUse();
  readonly #pick: PickContext = { hash: 0, tried: NO_HANDLES };
  #phase: Phase = 'over';
  #snapshot: Snapshot | null = null;
  #upstream: Upstream | null = null;
  #timeouts: Timeouts = NO_TIMEOUTS;
  #connection: UpstreamConnection | null = null;
  /** The response head came, and the client's connection may carry another request after this. */
  #keepAlive = false;
  #responseEnded = false;
  #switching = false;
  #problem: string | null = null;
  #reused = false;
  #nothingSent = true;
  #refreshed = 0;
  #repeated = 0;
  #moved = 0;

  constructor(context: HttpContext, client: ExchangeClient) {
    this.#context = context;
    this.#client = client;
    this.forwarding = client.forwarding;
  }

  /** The head is read: the exchange begins. */
  begin(): void {
    this.#start();
    const { plane } = this.#context;
    const snapshot = plane.snapshots.current;
    const match = this.#context.routerOf(snapshot).match(this.head, this.forwarding.clientAddress(this.head));
    if (match === null) return this.#answer(NO_ROUTE, 'self');
    const { route } = match;
    this.#record.route = route;
    const upstream = snapshot.upstreams.get(route.upstreamId);
    if (upstream === undefined) return this.#answer(NO_NODE, 'self');
    snapshot.users += 1;
    this.#snapshot = snapshot;
    this.#upstream = upstream;
    this.#timeouts = route.timeouts ?? upstream.plan.timeouts;
    // A route without WebSocket forwards the request as an ordinary one.
    if (!route.websocket) this.head.upgrade = '';
    this.target = forwardTarget(route, this.head);
    this.#next(null);
  }

  /** The head was refused: nothing of the message is used. */
  refuse(rejection: Rejection): void {
    this.#answerHeadless(rejectionAnswer(rejection));
  }

  /** The head did not come in time. */
  headTimedOut(): void {
    this.#answerHeadless(REQUEST_TIMEOUT);
  }

  /** More bytes are in the client's input. True while they are, or may be, part of this request. */
  clientBytes(): boolean {
    if (this.#body.complete) return false;
    const connection = this.#connection;
    if (connection !== null && this.#phase !== 'connect') this.#push(connection);
    return true;
  }

  /** The client has sent its FIN. A request that is whole is still answered. */
  clientEnded(): void {
    if (!this.#body.complete) this.#cutClient('CLIENT_FIN');
  }

  /** The client's connection broke or was closed. */
  clientGone(code: string): void {
    if (this.#phase === 'over') return;
    this.#drop(Outcome.aborted);
    this.#record.status = 499;
    this.#end('client', code);
  }

  /** The client has taken everything that was written. */
  clientDrained(): void {
    const connection = this.#connection;
    if (connection === null) return;
    connection.resume();
    this.#watch(connection);
  }

  /** The client neither sent nor took anything for too long. */
  clientStalled(): void {
    const receiving = this.#client.socket.writableNeedDrain;
    if (receiving || this.#phase === 'relay') return this.#cutClient(receiving ? 'WRITE_STALL' : 'BODY_STALL');
    this.#drop(Outcome.aborted);
    this.#answer(REQUEST_TIMEOUT, 'client');
  }

  connected(): void {
    this.#send(this.#connection!);
  }

  interim(head: ResponseHead): void {
    const isWanted = head.status === 103 || (head.status === 100 && this.head.expectContinue);
    if (!isWanted || this.head.minor === 0) return;
    this.#toClient.head(head, true);
  }

  response(head: ResponseHead): void {
    if (head.status === 101) return this.#switch(head);
    this.#phase = 'relay';
    this.#releaseSnapshot();
    this.#use.answered(this.#context.plane.clock.now());
    this.#record.status = head.status;
    const keepAlive = this.head.keepAlive && this.#body.complete && this.head.upgrade === '' && !this.#context.draining;
    this.#keepAlive = this.#toClient.head(head, keepAlive);
  }

  responseBody(buffer: Buffer, start: number, end: number): void {
    this.#toClient.body(this.#connection!, buffer, start, end);
  }

  responseText(text: string): void {
    this.#toClient.text(text);
  }

  responseEnd(): void {
    this.#toClient.end();
    this.#responseEnded = true;
  }

  readDone(buffer: Buffer, next: number, end: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (this.#problem !== null) return this.#protocolError(connection, this.#problem);
    this.#use.received += end;
    const { socket } = this.#client;
    this.#toClient.out.flush();
    if (this.#switching) return this.#openTunnel(connection, buffer.subarray(next, end));
    connection.wrote(socket);
    if (this.#responseEnded) return this.#complete(connection, next === end);
    if (socket.writableLength > HIGH_WATER) connection.pause();
    this.#watch(connection);
  }

  upstreamDrained(): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (!this.#body.complete) this.#client.resume();
    this.#watch(connection);
  }

  upstreamFailed(kind: FailureKind, code: string): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    const { handle } = this.#use;
    if (kind === 'connect' && handle !== null) this.#upstream!.connectFailed(handle);
    if (this.#phase === 'relay') {
      this.#countOut(outcomeOf(kind));
      this.#end('upstream', code);
      return this.#client.abort();
    }
    const answer = answerFor(kind, code);
    const decision = this.#decide(kind, connection);
    if (decision === 'give-up' || handle === null) {
      this.#countOut(outcomeOf(kind));
      return this.#answer(answer, 'upstream');
    }
    if (decision === 'refresh') {
      this.#refreshed += 1;
      this.#countRetry();
      return this.#connect(handle);
    }
    this.#countOut(outcomeOf(kind));
    this.#moved += 1;
    if (!this.#nothingSent) this.#repeated += 1;
    this.#pick.tried = [...this.#pick.tried, handle];
    this.#next(answer);
  }

  crashed(error: unknown): void {
    this.#context.reportCrash(error);
    if (this.#phase === 'over') return this.#client.abort();
    const begun = this.#phase === 'relay';
    this.#drop(Outcome.aborted);
    this.#body.complete = false;
    if (!begun) return this.#answer(INTERNAL_ERROR, 'self');
    this.#end('self', INTERNAL_ERROR.code);
    this.#client.abort();
  }

  /** What the head object holds is the request before, if anything. */
  #answerHeadless(answer: Answer): void {
    const { head } = this;
    head.method = '';
    head.host = '';
    head.path = '';
    head.minor = 1;
    head.framing = Framing.none;
    head.keepAlive = false;
    head.forwardedFor = '';
    this.#start();
    this.#answer(answer, 'client');
  }

  #start(): void {
    this.#record.begin(this.#context.plane.clock.now());
    this.#body.begin(this.head);
    this.#toClient.begin(this.#client.socket, this.head.minor);
    this.#phase = 'route';
    this.#keepAlive = false;
    this.#responseEnded = false;
    this.#switching = false;
    this.#problem = null;
    this.#nothingSent = true;
    this.#refreshed = 0;
    this.#repeated = 0;
    this.#moved = 0;
    if (this.#pick.tried !== NO_HANDLES) this.#pick.tried = NO_HANDLES;
  }

  /** Goes to the next node; `failure` is the answer when there is none, null before the first. */
  #next(failure: Answer | null): void {
    const upstream = this.#upstream!;
    const handle = upstream.pick(this.#pick);
    if (handle === null) return this.#answer(failure ?? NO_NODE, failure === null ? 'self' : 'upstream');
    if (failure !== null) this.#countRetry();
    this.#refreshed = 0;
    this.#use.begin(handle, failure === null ? this.#record.startedAt : this.#context.plane.clock.now());
    const connection = this.#context.pool.take(handle);
    if (connection === null) return this.#connect(handle);
    this.#reused = true;
    this.#connection = connection;
    this.#send(connection);
  }

  #connect(handle: TableHandle): void {
    this.#phase = 'connect';
    this.#reused = false;
    this.#nothingSent = true;
    this.#toUpstream.attach(null);
    this.#connection = new UpstreamConnection(handle, this, this.#timeouts.connect, this.#context);
    this.#watch(this.#connection);
  }

  #send(connection: UpstreamConnection): void {
    const { head } = this;
    this.#phase = 'send';
    this.#nothingSent = false;
    const { input } = this.#client;
    const { bytes, start, end } = input;
    this.authority = this.#authorityFor(connection.handle);
    connection.use(this, head.method, head.minor === 0);
    const out = this.#toUpstream;
    out.attach(connection.socket);
    out.text(buildRequestHead(head, this));
    if (!this.#body.complete) this.#client.resume();
    this.#push(connection);
    if (connection.socket.errored === null) return;
    // A write that fails at once has handed nothing to the kernel: the body is whole, for another try.
    this.#nothingSent = true;
    input.restore(bytes, start, end);
    this.#body.begin(head);
  }

  /** Writes what is there of the body, and what was gathered before it. */
  #push(connection: UpstreamConnection): void {
    const isWell = this.#body.take(this.#client.input, this.#toUpstream);
    this.#toUpstream.flush();
    if (!isWell) return this.#badBody();
    if (this.#body.complete && this.#phase === 'send') this.#phase = 'wait';
    if (!this.#body.complete && connection.socket.writableLength > HIGH_WATER) this.#client.pause();
    this.#watch(connection);
  }

  /** Sets the two timers by what is waited for now. */
  #watch(connection: UpstreamConnection): void {
    if (this.#phase === 'connect') return this.#client.awaitClient(0);
    const nodeIsSlow = connection.socket.writableNeedDrain;
    const clientIsSlow = this.#client.socket.writableNeedDrain;
    const wantsBody = !this.#body.complete;
    if (nodeIsSlow) connection.awaitSend(this.#timeouts.send);
    else if (clientIsSlow || wantsBody) connection.awaitNothing();
    else connection.awaitRead(this.#timeouts.read);
    if (clientIsSlow) this.#client.awaitClient(this.#timeouts.send);
    else this.#client.awaitClient(wantsBody && !nodeIsSlow ? this.#context.settings.idleTimeoutMs : 0);
  }

  #authorityFor(handle: TableHandle): string {
    const { passHost, upstreamHost } = this.#upstream!.plan;
    if (passHost === 'pass' && this.head.authority !== '') return this.head.authority;
    if (passHost === 'rewrite' && upstreamHost !== null) return upstreamHost;
    return formatAddress(handle.node);
  }

  #switch(head: ResponseHead): void {
    if (this.head.upgrade === '' || head.upgrade !== this.head.upgrade) {
      this.#problem = 'unexpected-switch';
      return;
    }
    this.#switching = true;
    this.#phase = 'tunnel';
    this.#releaseSnapshot();
    this.#use.answered(this.#context.plane.clock.now());
    this.#record.status = 101;
    this.#toClient.head(head, true);
  }

  #openTunnel(connection: UpstreamConnection, fromUpstream: Buffer): void {
    this.#connection = null;
    this.#record.count(this.#context, this.#context.plane.clock.now());
    openTunnel(this.#context, this.#timeouts.read, this.#client, connection, fromUpstream, (end) =>
      this.#tunnelEnded(end),
    );
  }

  #tunnelEnded(end: RelayEnd): void {
    const record = this.#record;
    record.bytesIn = end.toUpstream;
    record.bytesOut = end.toClient;
    record.countBytes(this.#context);
    this.#use.received += end.toClient;
    this.#countOut(end.by === 'upstream' && end.cause !== null ? Outcome.reset : Outcome.success);
    this.#phase = 'over';
    this.#log('tunnel', end.by === 'upstream' || end.by === 'client' ? end.by : 'self', end.cause);
    this.#client.tunnelClosed();
  }

  #protocolError(connection: UpstreamConnection, code: string): void {
    connection.destroy();
    this.upstreamFailed('protocol', code);
  }

  #complete(connection: UpstreamConnection, atEnd: boolean): void {
    this.#connection = null;
    const isClean = atEnd && connection.response.head.keepAlive && this.#body.complete;
    if (isClean && connection.socket.writableLength === 0) {
      this.#context.pool.put(connection, this.#upstream!.plan.keepalive);
    } else connection.destroy();
    this.#countOut(this.#record.status >= 500 ? Outcome.serverError : Outcome.success);
    const keepAlive = this.#keepAlive && this.#body.complete;
    this.#end('self', null);
    this.#client.exchangeEnded(keepAlive);
  }

  #decide(kind: FailureKind, connection: UpstreamConnection): ReturnType<typeof decideRetry> {
    return decideRetry(
      {
        kind,
        reused: this.#reused,
        nothingSent: this.#nothingSent,
        bodySent: this.#body.taken > 0,
        answerBegun: !this.#nothingSent && connection.response.begun,
        method: this.head.method,
        refreshed: this.#refreshed,
        repeated: this.#repeated,
        moved: this.#moved,
        elapsedMs: this.#context.plane.clock.now() - this.#record.startedAt,
      },
      this.#upstream!.plan,
    );
  }

  #countRetry(): void {
    this.#context.plane.routeCounters.add(this.#record.route!.slot, RouteField.retries, 1);
  }

  /** Ends the use of the node. */
  #countOut(outcome: Outcome): void {
    const { handle } = this.#use;
    if (handle === null) return;
    if (this.#context.accessLog !== null) {
      const micros = this.#use.micros || this.#use.elapsedMicros(this.#context.plane.clock.now());
      this.#record.tried(handle, outcome, micros);
    }
    this.#use.end(outcome, this.#toUpstream.written);
  }

  /** Lets go of the node, if one is in use. */
  #drop(outcome: Outcome): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.destroy();
    this.#countOut(outcome);
  }

  #badBody(): void {
    this.#drop(Outcome.aborted);
    if (this.#phase !== 'relay') return this.#answer(BAD_BODY, 'client');
    this.#end('client', BAD_BODY.code);
    this.#client.abort();
  }

  #cutClient(code: string): void {
    this.#drop(Outcome.aborted);
    this.#record.status = 499;
    this.#end('client', code);
    this.#client.abort();
  }

  /** Gives an answer of our own. A body that is not all here is not waited for: the connection ends instead. */
  #answer(answer: Answer, by: 'client' | 'upstream' | 'self'): void {
    const { head } = this;
    this.#record.status = answer.status;
    const body = this.#body;
    if (!body.complete) body.take(this.#client.input, null);
    const keepAlive = head.keepAlive && body.complete && !this.#context.draining;
    this.#toClient.begin(this.#client.socket, head.minor);
    this.#toClient.text(answerText(answer, keepAlive, head.minor, head.method !== 'HEAD'));
    this.#toClient.out.flush();
    this.#end(by, answer.code);
    this.#client.exchangeEnded(keepAlive);
  }

  #end(by: 'client' | 'upstream' | 'self', cause: string | null): void {
    const phase = this.#phase;
    this.#phase = 'over';
    this.#releaseSnapshot();
    this.#record.bytesIn = this.#body.taken;
    this.#record.bytesOut = this.#toClient.bodyBytes;
    this.#context.countSent(this.#toClient.out.written);
    this.#record.count(this.#context, this.#context.plane.clock.now());
    this.#log(cause === null ? 'done' : phase, by, cause);
    this.#upstream = null;
  }

  #log(phase: string, by: 'client' | 'upstream' | 'self', cause: string | null): void {
    if (this.#context.accessLog === null) return;
    const protocol = phase === 'tunnel' ? 'websocket' : `HTTP/1.${this.head.minor}`;
    const client = this.forwarding.clientAddress(this.head);
    this.#record.log(this.#context, this.head, client, protocol, { by, phase, cause });
  }

  #releaseSnapshot(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    this.#snapshot = null;
    this.#context.plane.snapshots.release(snapshot);
  }
}

const NO_TIMEOUTS: Timeouts = { connect: 0, send: 0, read: 0 };

function outcomeOf(kind: FailureKind): Outcome {
  if (kind === 'connect') return Outcome.connectFailure;
  return kind === 'timeout' ? Outcome.timeout : Outcome.reset;
}

function answerFor(kind: FailureKind, code: string): Answer {
  if (kind === 'connect') return code === 'CONNECT_TIMEOUT' ? CONNECT_TIMEOUT : CONNECT_FAILED;
  if (kind === 'closed') return UPSTREAM_CLOSED;
  if (kind === 'protocol') return BAD_RESPONSE;
  return code === 'SEND_TIMEOUT' ? SEND_TIMEOUT : READ_TIMEOUT;
}
