import { Outcome } from '../balancers/types.ts';
import type { RelayEnd } from '../l4/relay.ts';
import type { AccessEnd } from '../telemetry/access-log.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { Timeouts } from '../upstream/plan.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { breakerRefusal, noNodeAnswer } from './admission.ts';
import { Affinity } from './affinity.ts';
import { Attempts } from './attempts.ts';
import type { ClientForwarding } from './client-forwarding.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { CLIENT_GONE, ExchangeRecord } from './exchange-record.ts';
import { authorityFor, buildRequestHead, type OutboundRequest } from './forward-head.ts';
import { type Rejection, RequestHead, type ResponseHead } from './head.ts';
import type { HttpContext } from './http-context.ts';
import { HIGH_WATER, MessageWriter } from './message-writer.ts';
import { NodeUse } from './node-use.ts';
import { RequestBody } from './request-body.ts';
import {
  type Answer,
  answerText,
  BAD_BODY,
  INTERNAL_ERROR,
  NO_NODE,
  NO_ROUTE,
  REQUEST_TIMEOUT,
  rejectionAnswer,
} from './respond.ts';
import { ResponseWriter } from './response-writer.ts';
import type { FailureKind, RetryDecision } from './retry.ts';
import { heedRetryAfter } from './retry-after.ts';
import { forwardTarget } from './router.ts';
import { answerTo, outcomeOf, outcomeOfStatus } from './try-failure.ts';
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
  readonly #record: ExchangeRecord;
  readonly #body = new RequestBody();
  readonly #toClient = new ResponseWriter();
  readonly #toUpstream = new MessageWriter();
  readonly #use = new NodeUse();
  readonly #attempts = new Attempts();
  readonly #affinity = new Affinity();
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
  /** The status of an answer that the client does not get, since another node is to be tried; else 0. */
  #passedOver = 0;
  /** Monotonic milliseconds, while what was just read is dealt with; else 0. */
  #readAt = 0;

  constructor(context: HttpContext, client: ExchangeClient) {
    this.#context = context;
    this.#client = client;
    this.#record = new ExchangeRecord(context);
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
    const refusal = breakerRefusal(route, upstream, plane);
    if (refusal !== null) return this.#answer(refusal, 'self');
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

  /** More bytes are in the client's input. What is not the body of this request stays there. */
  clientBytes(): void {
    const connection = this.#connection;
    if (connection !== null && !this.#body.complete && this.#phase !== 'connect') this.#push(connection);
  }

  /** The client has sent its FIN. A request that is whole is still answered, and shows to be when it is sent. */
  clientEnded(): void {
    if (!this.#body.complete && this.#phase !== 'connect') this.#cutClient('CLIENT_FIN');
  }

  /** The client's connection broke or was closed. */
  clientGone(code: string): void {
    if (this.#phase === 'over') return;
    this.#drop(Outcome.aborted);
    this.#record.status = CLIENT_GONE;
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
    this.#readAt = this.#context.plane.clock.now();
    this.#use.answered(this.#readAt);
    const { status } = head;
    if (status === 429 || status === 503) heedRetryAfter(head, this.#upstream!, this.#use.handle!, this.#context.plane);
    if (this.#passesOver(status)) return;
    this.#phase = 'relay';
    this.#releaseSnapshot();
    this.#record.status = status;
    const keepAlive = this.head.keepAlive && this.#body.complete && this.head.upgrade === '' && !this.#context.draining;
    this.#toClient.added = this.#affinity.fieldFor(this.#upstream!, this.#use.handle);
    this.#keepAlive = this.#toClient.head(head, keepAlive);
  }

  responseBody(buffer: Buffer, start: number, end: number): void {
    if (this.#passedOver === 0) this.#toClient.body(this.#connection!, buffer, start, end);
  }

  responseText(text: string): void {
    if (this.#passedOver === 0) this.#toClient.text(text);
  }

  responseEnd(): void {
    if (this.#passedOver === 0) this.#toClient.end();
    this.#responseEnded = true;
  }

  readDone(buffer: Buffer, next: number, end: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (this.#problem !== null) return this.#protocolError(connection, this.#problem);
    this.#use.received += end;
    if (this.#passedOver > 0) return this.#tryAnother(connection, next === end);
    const { socket } = this.#client;
    this.#toClient.out.flush();
    if (this.#switching) return this.#openTunnel(connection, buffer.subarray(next, end));
    connection.wrote(socket);
    if (this.#responseEnded) return this.#complete(connection, next === end);
    this.#readAt = 0;
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
    if (kind === 'connect' && handle !== null) this.#upstream!.connectFailed(handle, this.#now());
    if (this.#phase === 'relay') {
      this.#countOut(outcomeOf(kind));
      this.#end('upstream', code);
      return this.#client.abort();
    }
    const answer = answerTo(kind, code);
    const decision = this.#decide(kind, connection);
    if (decision === 'give-up' || handle === null) {
      this.#countOut(outcomeOf(kind));
      return this.#answer(answer, 'upstream');
    }
    if (decision === 'refresh') {
      this.#attempts.refresh();
      this.#record.countRetry();
      return this.#connect(handle);
    }
    this.#countOut(outcomeOf(kind));
    this.#attempts.leave(handle, kind);
    this.#next(answer);
  }

  crashed(error: unknown): void {
    this.#context.reportCrash(error);
    if (this.#phase === 'over') return this.#client.abort();
    const begun = this.#phase === 'relay';
    this.#drop(Outcome.aborted);
    this.head.keepAlive = false;
    this.#body.complete = true;
    if (!begun) return this.#answer(INTERNAL_ERROR, 'self');
    this.#end('self', INTERNAL_ERROR.code);
    this.#client.abort();
  }

  /** What the head object holds is the request before, if anything. */
  #answerHeadless(answer: Answer): void {
    this.head.forget();
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
    this.#passedOver = 0;
    this.#readAt = 0;
    this.#attempts.reset();
  }

  /** Goes to the next node; `failure` is the answer when there is none, null before the first. */
  #next(failure: Answer | null): void {
    const upstream = this.#upstream!;
    const now = failure === null ? this.#record.startedAt : this.#context.plane.clock.now();
    this.#attempts.now = now;
    const route = this.#record.route!;
    const handle =
      failure === null
        ? this.#affinity.pick(upstream, route, this.head, this.#client, this.#attempts)
        : upstream.pick(this.#attempts, route.subset, route.headroom);
    if (handle === null && failure !== null) return this.#answer(failure, 'upstream');
    if (handle === null) return this.#answer(noNodeAnswer(route, upstream, this.#attempts), 'self');
    if (failure !== null) this.#record.countRetry();
    this.#use.begin(handle, now);
    const connection = this.#context.pool.take(handle);
    if (connection === null) return this.#connect(handle);
    this.#attempts.on(true);
    this.#connection = connection;
    this.#send(connection);
  }

  #connect(handle: TableHandle): void {
    this.#phase = 'connect';
    this.#attempts.on(false);
    this.#toUpstream.attach(null);
    this.#connection = new UpstreamConnection(handle, this, this.#timeouts.connect, this.#context);
    this.#watch(this.#connection);
  }

  #send(connection: UpstreamConnection): void {
    const { head } = this;
    this.#phase = 'send';
    this.#attempts.nothingSent = false;
    const { input } = this.#client;
    const { bytes, start, end } = input;
    this.authority = authorityFor(this.#upstream!.plan, head.authority, connection.handle.node);
    connection.use(this, head.method, head.minor === 0);
    const out = this.#toUpstream;
    out.attach(connection.socket);
    out.text(buildRequestHead(head, this));
    if (!this.#body.complete) this.#client.resume();
    this.#push(connection);
    if (connection.socket.errored === null) return;
    // A write that fails at once has handed nothing to the kernel: the body is whole, for another try.
    this.#attempts.nothingSent = true;
    input.restore(bytes, start, end);
    this.#body.begin(head);
  }

  /** Writes what is there of the body, and what was gathered before it. */
  #push(connection: UpstreamConnection): void {
    const isWell = this.#body.take(this.#client.input, this.#toUpstream);
    this.#toUpstream.flush();
    if (!isWell) return this.#badBody();
    if (!this.#body.complete && this.#client.ended) return this.#cutClient('CLIENT_FIN');
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

  #switch(head: ResponseHead): void {
    if (this.head.upgrade === '' || head.upgrade !== this.head.upgrade) {
      this.#problem = 'unexpected-switch';
      return;
    }
    this.#switching = true;
    this.#phase = 'tunnel';
    this.#releaseSnapshot();
    this.#use.answered(this.#context.plane.clock.now());
    this.#use.handle?.established();
    this.#record.status = 101;
    this.#toClient.added = this.#affinity.fieldFor(this.#upstream!, this.#use.handle);
    this.#toClient.head(head, true);
  }

  #openTunnel(connection: UpstreamConnection, fromUpstream: Buffer): void {
    this.#connection = null;
    this.#record.countAnswer(this.#context.plane.clock.now());
    const idleTimeoutMs = this.#timeouts.read;
    openTunnel(this.#context, this.#upstream!, idleTimeoutMs, this.#client, connection, fromUpstream, (end) =>
      this.#tunnelEnded(end),
    );
  }

  #tunnelEnded({ by, cause, toUpstream, toClient }: RelayEnd): void {
    this.#use.received += toClient;
    this.#countOut(by === 'upstream' && cause !== null ? Outcome.reset : Outcome.success);
    this.#phase = 'over';
    this.#record.countBytes(toUpstream, toClient);
    this.#log(toUpstream, toClient, { by: by === 'idle' || by === 'shutdown' ? 'self' : by, phase: 'tunnel', cause });
    this.#client.tunnelClosed();
  }

  #protocolError(connection: UpstreamConnection, code: string): void {
    connection.destroy();
    this.upstreamFailed('protocol', code);
  }

  #complete(connection: UpstreamConnection, atEnd: boolean): void {
    this.#giveBack(connection, atEnd);
    this.#countOut(outcomeOfStatus(this.#record.status, this.#upstream!.plan.passive.failStatuses));
    const keepAlive = this.#keepAlive && this.#body.complete;
    this.#end('self', null);
    this.#client.exchangeEnded(keepAlive);
  }

  /** The node's connection may carry another request if the answer was read to its end. */
  #giveBack(connection: UpstreamConnection, atEnd: boolean): void {
    this.#connection = null;
    const isClean = this.#responseEnded && atEnd && connection.response.head.keepAlive && this.#body.complete;
    if (isClean && connection.socket.writableLength === 0) {
      this.#context.pool.put(connection, this.#upstream!.plan.keepalive);
    } else connection.destroy();
  }

  /** Whether this answer is not for the client, as long as there is another node to ask. */
  #passesOver(status: number): boolean {
    const { plan, handles } = this.#upstream!;
    if (!plan.retryStatuses.includes(status) || handles.length <= this.#attempts.tried.length + 1) return false;
    if (this.#decide('status', this.#connection!) !== 'move') return false;
    this.#passedOver = status;
    return true;
  }

  #tryAnother(connection: UpstreamConnection, atEnd: boolean): void {
    const { handle } = connection;
    this.#giveBack(connection, atEnd);
    this.#countOut(outcomeOfStatus(this.#passedOver, this.#upstream!.plan.passive.failStatuses));
    this.#attempts.leave(handle, 'status');
    this.#passedOver = 0;
    this.#responseEnded = false;
    this.#readAt = 0;
    this.#next(NO_NODE);
  }

  #decide(kind: FailureKind, connection: UpstreamConnection): RetryDecision {
    const { method } = this.head;
    const request = { method, bodySent: this.#body.taken > 0, answerBegun: connection.response.begun };
    const elapsedMs = this.#context.plane.clock.now() - this.#record.startedAt;
    return this.#attempts.decide(kind, request, elapsedMs, this.#upstream!.plan);
  }

  /** Ends the use of the node. */
  #countOut(outcome: Outcome): void {
    if (this.#use.handle === null) return;
    this.#record.endUse(this.#use, outcome, this.#toUpstream.written, this.#now());
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
    this.#record.status = CLIENT_GONE;
    this.#end('client', code);
    this.#client.abort();
  }

  /** Gives an answer of our own. A body that is not all here is not waited for: the connection ends instead. */
  #answer(answer: Answer, by: AccessEnd['by']): void {
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

  #end(by: AccessEnd['by'], cause: string | null): void {
    const phase = cause === null ? 'done' : this.#phase;
    this.#phase = 'over';
    this.#releaseSnapshot();
    this.#upstream = null;
    const { taken } = this.#body;
    const { bodyBytes, out } = this.#toClient;
    this.#context.countSent(out.written);
    this.#record.countAnswer(this.#now());
    this.#record.countBytes(taken, bodyBytes);
    if (this.#context.accessLog !== null) this.#log(taken, bodyBytes, { by, phase, cause });
  }

  /** The moment of the read that is dealt with, else of the call. */
  #now(): number {
    return this.#readAt === 0 ? this.#context.plane.clock.now() : this.#readAt;
  }

  #log(bytesIn: number, bytesOut: number, end: AccessEnd): void {
    this.#record.log(this.head, this.forwarding, bytesIn, bytesOut, end);
  }

  #releaseSnapshot(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    this.#snapshot = null;
    this.#context.plane.snapshots.release(snapshot);
  }
}

const NO_TIMEOUTS: Timeouts = { connect: 0, send: 0, read: 0 };
