import { snakeCase } from './outcome-names.ts';

/** How a TCP stream or a UDP session ended. Values are indices of the counters of a stream route: new ones come last. */
export const StreamEnd = {
  /** In order: the side that was done first. */
  clientClosed: 0,
  upstreamClosed: 1,
  /** Broken by that side. */
  clientReset: 2,
  upstreamReset: 3,
  /** No byte either way for too long; the second, when one side had sent its FIN. */
  idleTimeout: 4,
  finTimeout: 5,
  /** The longest that a stream may last was over. */
  lifetime: 6,
  /** The node left or turned unhealthy, and its upstream wants such streams closed. */
  nodeGone: 7,
  shutdown: 8,
  /** Every node that was tried refused, or did not answer. */
  connectFailed: 9,
  noNode: 10,
  /** All nodes are at their limit. */
  nodesFull: 11,
  breakerOpen: 12,
  /** This process lacks descriptors or memory. */
  shortage: 13,
  /** UDP: the node has replied as often as was asked for. */
  answered: 14,
  /** UDP: another session needed the place. */
  evicted: 15,
  /** UDP: this machine has lost the address that the client wrote to. */
  addressGone: 16,
  /** Refused at the door; these are the names that the refusals of a listener have in its metric. */
  limit: 17,
  sourceLimit: 18,
  route: 19,
  proxyProtocol: 20,
  tls: 21,
} as const;
export type StreamEnd = (typeof StreamEnd)[keyof typeof StreamEnd];

/** How they are called in metrics and logs, in the order of `StreamEnd`. */
export const STREAM_END_NAMES: readonly string[] = Object.keys(StreamEnd).map(snakeCase);
