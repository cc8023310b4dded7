import type { RelayEnd } from '../l4/relay.ts';
import type { AccessEnd } from '../telemetry/access-log.ts';
import { CLIENT_GONE } from './exchange-record.ts';
import type { ExchangeState } from './exchange-state.ts';
import { type Answer, answerText } from './respond.ts';

/**
 * Ends an exchange with an answer of our own. A body that is not all here is not waited for: the connection ends
 * instead.
 */
export function endWithAnswer(state: ExchangeState, answer: Answer, by: AccessEnd['by']): void {
  const { head, body, client, toClient } = state;
  state.record.status = answer.status;
  if (!body.complete) body.take(client.input, null);
  const keepAlive = head.keepAlive && body.complete && !state.context.draining;
  toClient.begin(client.socket, head.minor);
  toClient.text(answerText(answer, keepAlive, head.minor, head.method !== 'HEAD'));
  toClient.out.flush();
  end(state, by, answer.code);
  client.exchangeEnded(keepAlive);
}

/** The node's answer is written to its end. */
export function endInOrder(state: ExchangeState, keepAlive: boolean): void {
  end(state, 'self', null);
  state.client.exchangeEnded(keepAlive);
}

/** Cuts the client off: what it got so far, if anything, is not a whole answer. */
export function endWithCut(state: ExchangeState, by: AccessEnd['by'], code: string): void {
  end(state, by, code);
  state.client.abort();
}

/** The client's connection is gone. */
export function endWithoutClient(state: ExchangeState, code: string): void {
  state.record.status = CLIENT_GONE;
  end(state, 'client', code);
}

/** The tunnel that an upgrade opened is closed; its answer was counted when it opened. */
export function endTunnel(state: ExchangeState, { by, cause, toUpstream, toClient }: RelayEnd): void {
  state.phase = 'over';
  state.context.countSent(toClient);
  state.record.countBytes(toUpstream, toClient);
  log(state, toUpstream, toClient, { by: by === 'idle' || by === 'shutdown' ? 'self' : by, phase: 'tunnel', cause });
  state.client.tunnelClosed();
}

function end(state: ExchangeState, by: AccessEnd['by'], cause: string | null): void {
  const { context, record, toClient } = state;
  const phase = cause === null ? 'done' : state.phase;
  state.phase = 'over';
  state.routing.end();
  const { taken } = state.body;
  const { bodyBytes, out } = toClient;
  context.countSent(out.written);
  record.countAnswer(state.now());
  record.countBytes(taken, bodyBytes);
  log(state, taken, bodyBytes, { by, phase, cause });
}

function log(state: ExchangeState, bytesIn: number, bytesOut: number, how: AccessEnd): void {
  state.record.log(state.head, state.client.forwarding, bytesIn, bytesOut, how);
}
