import { Delivery } from './delivery.ts';
import type { ExchangeClient } from './exchange-client.ts';
import { endWithAnswer, endWithoutClient } from './exchange-end.ts';
import { ExchangeState } from './exchange-state.ts';
import type { Rejection, RequestHead } from './head.ts';
import type { HttpContext } from './http-context.ts';
import { type Answer, REQUEST_TIMEOUT, rejectionAnswer } from './respond.ts';

/**
 * One request and its answer, as its client's connection drives it: routed, admitted, delivered, ended. One per client
 * connection, reused.
 */
export class Exchange {
  /** Read into by the connection, before `begin`. */
  readonly head: RequestHead;
  readonly #state: ExchangeState;
  readonly #delivery: Delivery;

  constructor(context: HttpContext, client: ExchangeClient) {
    this.#state = new ExchangeState(context, client);
    this.#delivery = new Delivery(this.#state);
    this.head = this.#state.head;
  }

  /** The head is read: the exchange begins. */
  begin(): void {
    const state = this.#state;
    const { routing, client } = state;
    state.begin();
    const refusal = routing.find(this.head, client.forwarding.clientAddress(this.head)) ?? routing.admit();
    if (refusal !== null) endWithAnswer(state, refusal, 'self');
    else this.#delivery.begin();
  }

  /** The head was refused: nothing of the message is used. */
  refuse(rejection: Rejection): void {
    this.#answerHeadless(rejectionAnswer(rejection));
  }

  /** The head did not come in time. */
  headTimedOut(): void {
    this.#answerHeadless(REQUEST_TIMEOUT);
  }

  /** More bytes are in the client's input. */
  clientBytes(): void {
    this.#delivery.clientBytes();
  }

  /** The client has sent its FIN. A request that is whole is still answered, and shows to be when it is sent. */
  clientEnded(): void {
    const { body, phase } = this.#state;
    if (!body.complete && phase !== 'connect') this.#delivery.cutClient('CLIENT_FIN');
  }

  /** The client's connection broke or was closed. */
  clientGone(code: string): void {
    if (this.#state.phase === 'over') return;
    this.#delivery.drop();
    endWithoutClient(this.#state, code);
  }

  /** The client has taken everything that was written. */
  clientDrained(): void {
    this.#delivery.clientDrained();
  }

  /** The client neither sent nor took anything for too long. */
  clientStalled(): void {
    const { client, phase } = this.#state;
    const receiving = client.socket.writableNeedDrain;
    if (receiving || phase === 'relay') {
      return this.#delivery.cutClient(receiving ? 'WRITE_STALL' : 'BODY_STALL');
    }
    this.#delivery.drop();
    endWithAnswer(this.#state, REQUEST_TIMEOUT, 'client');
  }

  /** A bug: an exception came out of one of these calls. */
  crashed(error: unknown): void {
    this.#delivery.crashed(error);
  }

  /** What the head object holds is the request before, if anything. */
  #answerHeadless(answer: Answer): void {
    this.head.forget();
    this.#state.begin();
    endWithAnswer(this.#state, answer, 'client');
  }
}
