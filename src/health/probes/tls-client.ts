import { isIP } from 'node:net';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';
import type { Address } from '../../core/address.ts';
import type { TlsQuestion } from '../types.ts';

/** Opens TLS connections for probes; one context, which is dear to make, serves every node of an upstream. */
export class TlsClient {
  readonly #verify: boolean;
  readonly #serverName: string | null;
  readonly #protocols: string[];
  readonly #context: ReturnType<typeof createSecureContext>;

  /**
   * `host`: what the probe calls the node, with or without a port; `protocols` are offered by ALPN. Throws when the
   * certificates to trust cannot be read.
   */
  constructor({ verify, serverName, ca }: TlsQuestion, host: string | null, protocols: readonly string[] = []) {
    this.#verify = verify;
    this.#serverName = serverName ?? host?.replace(/:\d*$/, '') ?? null;
    this.#protocols = [...protocols];
    this.#context = createSecureContext(ca === null ? {} : { ca });
  }

  connect({ host, port }: Address): TLSSocket {
    const name = this.#serverName ?? host;
    return connect({
      host,
      port,
      // An address is no server name (RFC 6066 §3); the certificate is then compared with the address itself.
      ...(isIP(name) === 0 ? { servername: name } : {}),
      rejectUnauthorized: this.#verify,
      secureContext: this.#context,
      ALPNProtocols: this.#protocols,
    });
  }
}

/** Null for a question in plain text. */
export function tlsClientFor(
  tls: TlsQuestion | null,
  host: string | null,
  protocols?: readonly string[],
): TlsClient | null {
  return tls ? new TlsClient(tls, host, protocols) : null;
}
