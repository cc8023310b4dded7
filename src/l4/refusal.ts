import { ListenerField } from '../telemetry/counters.ts';
import { StreamEnd } from '../telemetry/stream-ends.ts';

/** A way in which a connection is turned away at the door: how it is counted, reported and logged. */
export interface Refusal {
  /** Of the listener's counters. */
  readonly field: number;
  /** Name of the event. */
  readonly event: string;
  /** The stage, as the access log names it. */
  readonly phase: string;
  readonly end: StreamEnd;
}

export const FULL: Refusal = {
  field: ListenerField.refused,
  event: 'listener.full',
  phase: 'accept',
  end: StreamEnd.limit,
};

export const SOURCE_FULL: Refusal = {
  field: ListenerField.refusedSource,
  event: 'listener.source-full',
  phase: 'accept',
  end: StreamEnd.sourceLimit,
};

export const NO_PROXY_HEADER: Refusal = {
  field: ListenerField.refusedProxy,
  event: 'listener.proxy-header',
  phase: 'proxy',
  end: StreamEnd.proxyProtocol,
};

export const NO_TLS: Refusal = {
  field: ListenerField.refusedTls,
  event: 'listener.tls-failed',
  phase: 'tls',
  end: StreamEnd.tls,
};
