import type { ExchangeState } from './exchange-state.ts';
import type { ResponseHead } from './head.ts';
import type { NodeChoice } from './node-choice.ts';
import type { ResponseSink } from './response-reader.ts';
import { heedRetryAfter } from './retry-after.ts';

/** The node's answer on its way to the client, unless another node is to give one. Reused. */
export class ResponseRelay implements ResponseSink {
  /** The head came, and the client's connection may carry another request after this. */
  keepAlive = false;
  /** The node has answered to the end. */
  ended = false;
  /** The node speaks the protocol that the client asked for: its 101 is on the way. */
  switched = false;
  /** Why what the node sent is no answer to this request; else null. */
  problem: string | null = null;
  /** The status of an answer that the client does not get, since another node is to be tried; else 0. */
  passedOver = 0;
  readonly #state: ExchangeState;
  readonly #choice: NodeChoice;

  constructor(state: ExchangeState, choice: NodeChoice) {
    this.#state = state;
    this.#choice = choice;
  }

  /** Ready for the answer of another node. */
  begin(): void {
    this.keepAlive = false;
    this.ended = false;
    this.switched = false;
    this.problem = null;
    this.passedOver = 0;
  }

  interim(head: ResponseHead): void {
    const asked = this.#state.head;
    const isWanted = head.status === 103 || (head.status === 100 && asked.expectContinue);
    if (isWanted && asked.minor === 1) this.#state.toClient.head(head, true);
  }

  response(head: ResponseHead): void {
    if (head.status === 101) return this.#switch(head);
    const state = this.#state;
    const choice = this.#choice;
    const { status } = head;
    state.readAt = state.context.plane.clock.now();
    choice.use.answered(state.readAt);
    if (status === 429 || status === 503) {
      heedRetryAfter(head, state.routing.upstream!, choice.use.handle!, state.context.plane);
    }
    if (choice.passesOver(status)) this.passedOver = status;
    else this.#forward(head);
  }

  responseBody(buffer: Buffer, start: number, end: number): void {
    const { toClient, connection } = this.#state;
    if (this.passedOver === 0) toClient.body(connection!, buffer, start, end);
  }

  responseText(text: string): void {
    if (this.passedOver === 0) this.#state.toClient.text(text);
  }

  responseEnd(): void {
    if (this.passedOver === 0) this.#state.toClient.end();
    this.ended = true;
  }

  /** The answer is the client's: from here on no other node is asked. */
  #forward(head: ResponseHead): void {
    const state = this.#state;
    const { head: asked, toClient } = state;
    state.phase = 'relay';
    state.routing.settled();
    state.record.status = head.status;
    toClient.added = this.#choice.bindingField();
    const mayFollow = asked.keepAlive && state.body.complete && asked.upgrade === '' && !state.context.draining;
    this.keepAlive = toClient.head(head, mayFollow);
  }

  #switch(head: ResponseHead): void {
    const state = this.#state;
    const { upgrade } = state.head;
    if (upgrade === '' || head.upgrade !== upgrade) {
      this.problem = 'unexpected-switch';
      return;
    }
    const { use } = this.#choice;
    this.switched = true;
    state.phase = 'tunnel';
    state.routing.settled();
    use.answered(state.context.plane.clock.now());
    use.handle?.established();
    state.record.status = 101;
    state.toClient.added = this.#choice.bindingField();
    state.toClient.head(head, true);
  }
}
