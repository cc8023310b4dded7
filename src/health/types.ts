import type { Address } from '../core/address.ts';

/** What one probe found. `tcp`: no connection or it broke. `status`: an answer with a status that counts as a failure. */
export type ProbeVerdict = 'success' | 'status' | 'tcp' | 'timeout' | 'neutral';

export interface ProbeResult {
  readonly verdict: ProbeVerdict;
  /** For people: "200 in 3 ms", "connection refused". */
  readonly detail: string;
}

/** One kind of question to a node. Stateless; never rejects; the monitor owns time and thresholds. */
export interface Probe {
  check(address: Address, signal: AbortSignal): Promise<ProbeResult>;
}
