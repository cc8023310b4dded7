import { Outcome } from '../balancers/types.ts';
import type { TableHandle } from '../upstream/handle.ts';
import { endInOrder, endWithAnswer, endWithCut } from './exchange-end.ts';
import { CLIENT_GONE } from './exchange-record.ts';
import type { ExchangeState } from './exchange-state.ts';
import { HIGH_WATER } from './message-writer.ts';
import { NodeChoice } from './node-choice.ts';
import { RequestSender } from './request-sender.ts';
import { type Answer, BAD_BODY, INTERNAL_ERROR, NO_NODE } from './respond.ts';
import { ResponseRelay } from './response-relay.ts';
import type { FailureKind } from './retry.ts';
import { answerTo, outcomeOf } from './try-failure.ts';
import { openTunnel } from './tunnel.ts';
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.ts';
import { awaitNext } from './waits.ts';

/**
 * Brings an admitted request to a node and the answer back, over as many tries as it takes: what is done on each
 * connection, and what follows from what happens to it. Reused.
 */
export class Delivery implements UpstreamUser {
  readonly #state: ExchangeState;
  readonly #choice: NodeChoice;
  readonly #request: RequestSender;
  readonly #response: ResponseRelay;

  constructor(state: ExchangeState) {
    this.#state = state;
    this.#choice = new NodeChoice(state);
    this.#request = new RequestSender(state);
    this.#response = new ResponseRelay(state, this.#choice);
  }

  begin(): void {
    this.#choice.begin();
    this.#request.begin();
    const handle = this.#choice.first();
    if (handle === null) endWithAnswer(this.#state, this.#choice.noNode(), 'self');
    else this.#try(handle);
  }

  /** More bytes are in the client's input. What is not the body of this request stays there. */
  clientBytes(): void {
    const { connection, body, phase } = this.#state;
    if (connection !== null && !body.complete && phase !== 'connect') this.#push(connection);
  }

  /** The client has taken everything that was written. */
  clientDrained(): void {
    const { connection } = this.#state;
    if (connection === null) return;
    connection.resume();
    awaitNext(this.#state, connection);
  }

  connected(): void {
    this.#send(this.#state.connection!);
  }

  readDone(buffer: Buffer, next: number, end: number): void {
    const state = this.#state;
    const response = this.#response;
    const { connection, client } = state;
    if (connection === null) return;
    if (response.problem !== null) return this.#protocolError(connection, response.problem);
    // What came behind a 101 is counted by the tunnel.
    this.#choice.use.received += response.switched ? next : end;
    if (response.passedOver > 0) return this.#tryAnother(connection, next === end);
    state.toClient.out.flush();
    if (response.switched) return this.#openTunnel(connection, buffer.subarray(next, end));
    connection.wrote(client.socket);
    if (response.ended) return this.#complete(connection, next === end);
    state.readAt = 0;
    if (client.socket.writableLength > HIGH_WATER) connection.pause();
    awaitNext(state, connection);
  }

  upstreamDrained(): void {
    const { connection, body, client } = this.#state;
    if (connection === null) return;
    if (!body.complete) client.resume();
    awaitNext(this.#state, connection);
  }

  upstreamFailed(kind: FailureKind, code: string): void {
    const state = this.#state;
    const { connection } = state;
    if (connection === null) return;
    state.connection = null;
    const { handle } = this.#choice.use;
    if (kind === 'connect' && handle !== null) state.routing.upstream!.connectFailed(handle, state.now());
    if (state.phase === 'relay') {
      this.#choice.countOut(outcomeOf(kind));
      return endWithCut(state, 'upstream', code);
    }
    const answer = answerTo(kind, code);
    const decision = this.#choice.decide(kind, connection.response.begun);
    if (decision === 'refresh' && handle !== null) return this.#refresh(handle);
    this.#choice.countOut(outcomeOf(kind));
    if (decision === 'give-up' || handle === null) return endWithAnswer(state, answer, 'upstream');
    this.#choice.attempts.leave(handle, kind);
    this.#move(answer);
  }

  crashed(error: unknown): void {
    const state = this.#state;
    state.context.reportCrash(error);
    if (state.phase === 'over') return state.client.abort();
    const begun = state.phase === 'relay';
    this.drop();
    state.head.keepAlive = false;
    state.body.complete = true;
    if (begun) endWithCut(state, 'self', INTERNAL_ERROR.code);
    else endWithAnswer(state, INTERNAL_ERROR, 'self');
  }

  /** Lets go of the node, if one is in use, for a reason that is not the node's. */
  drop(): void {
    const { connection } = this.#state;
    this.#state.connection = null;
    connection?.destroy();
    this.#choice.countOut(Outcome.aborted);
  }

  /** Ends it because of the client, which gets no answer any more. */
  cutClient(code: string): void {
    this.drop();
    this.#state.record.status = CLIENT_GONE;
    endWithCut(this.#state, 'client', code);
  }

  /** A node was chosen: the request goes to it. */
  #try(handle: TableHandle): void {
    this.#response.begin();
    const connection = this.#state.context.pool.take(handle);
    if (connection === null) return this.#connect(handle);
    this.#choice.attempts.on(true);
    this.#state.connection = connection;
    this.#send(connection);
  }

  /** Goes to another node; `failure` is the answer when there is none. */
  #move(failure: Answer): void {
    const handle = this.#choice.next();
    if (handle === null) return endWithAnswer(this.#state, failure, 'upstream');
    this.#state.record.countRetry();
    this.#try(handle);
  }

  /** Goes to the same node again, on a new connection. */
  #refresh(handle: TableHandle): void {
    this.#choice.attempts.refresh();
    this.#state.record.countRetry();
    this.#connect(handle);
  }

  #connect(handle: TableHandle): void {
    const state = this.#state;
    state.phase = 'connect';
    this.#choice.attempts.on(false);
    this.#request.detach();
    state.connection = new UpstreamConnection(handle, this, state.routing.timeouts.connect, state.context);
    awaitNext(state, state.connection);
  }

  #send(connection: UpstreamConnection): void {
    const state = this.#state;
    const { head, body, client } = state;
    const { input } = client;
    const { bytes, start, end } = input;
    const { attempts } = this.#choice;
    state.phase = 'send';
    attempts.nothingSent = false;
    connection.use(this, this.#response, head.method, head.minor === 0);
    this.#request.head(connection);
    if (!body.complete) client.resume();
    this.#push(connection);
    if (connection.socket.errored === null) return;
    // A write that fails at once has handed nothing to the kernel: the body is whole, for another try.
    attempts.nothingSent = true;
    input.restore(bytes, start, end);
    body.begin(head);
  }

  /** Writes what is there of the body, and what was gathered before it. */
  #push(connection: UpstreamConnection): void {
    const state = this.#state;
    const { body, client } = state;
    if (!this.#request.push()) return this.#badBody();
    if (!body.complete && client.ended) return this.cutClient('CLIENT_FIN');
    if (body.complete && state.phase === 'send') state.phase = 'wait';
    if (!body.complete && connection.socket.writableLength > HIGH_WATER) client.pause();
    awaitNext(state, connection);
  }

  #badBody(): void {
    const begun = this.#state.phase === 'relay';
    this.drop();
    if (begun) endWithCut(this.#state, 'client', BAD_BODY.code);
    else endWithAnswer(this.#state, BAD_BODY, 'client');
  }

  #protocolError(connection: UpstreamConnection, code: string): void {
    connection.destroy();
    this.upstreamFailed('protocol', code);
  }

  #complete(connection: UpstreamConnection, atEnd: boolean): void {
    const { record, body } = this.#state;
    this.#giveBack(connection, atEnd);
    this.#choice.countAnswer(record.status);
    endInOrder(this.#state, this.#response.keepAlive && body.complete);
  }

  #tryAnother(connection: UpstreamConnection, atEnd: boolean): void {
    this.#giveBack(connection, atEnd);
    this.#choice.countAnswer(this.#response.passedOver);
    this.#choice.attempts.leave(connection.handle, 'status');
    this.#state.readAt = 0;
    this.#move(NO_NODE);
  }

  /** The node's connection may carry another request if the answer was read to its end. */
  #giveBack(connection: UpstreamConnection, atEnd: boolean): void {
    const { body, context, routing } = this.#state;
    this.#state.connection = null;
    const isClean = this.#response.ended && atEnd && connection.response.head.keepAlive && body.complete;
    if (isClean && connection.socket.writableLength === 0) {
      context.pool.put(connection, routing.upstream!.plan.keepalive);
    } else connection.destroy();
  }

  /** The answer is counted as it begins: the tunnel may last for hours. */
  #openTunnel(connection: UpstreamConnection, fromUpstream: Buffer): void {
    const state = this.#state;
    const { context, record, toClient } = state;
    state.connection = null;
    context.countSent(toClient.out.written);
    record.countAnswer(context.plane.clock.now());
    openTunnel(state, this.#choice, connection, fromUpstream);
  }
}
