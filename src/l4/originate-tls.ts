import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { PlannedTls } from '../upstream/plan.ts';

/** One for all connections under the same settings: to read the authorities takes milliseconds. */
const contexts = new WeakMap<PlannedTls, SecureContext>();

function contextOf(tls: PlannedTls): SecureContext {
  const known = contexts.get(tls);
  if (known) return known;
  const { ca, cert, key } = tls;
  const context = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
  });
  contexts.set(tls, context);
  return context;
}

/**
 * Begins TLS on a connection to a node: 'secureConnect' tells that the handshake is done and the certificate is good, 'error'
 * that it is not.
 */
export function originateTls(raw: Socket, host: string, tls: PlannedTls): TLSSocket {
  const name = tls.serverName ?? host;
  // A socket that has just connected would begin to read behind our back: what comes belongs to TLS.
  raw.pause();
  return connect({
    socket: raw,
    host: name,
    // An address is no server name (RFC 6066, section 3); the certificate is compared with `host` then.
    servername: isIP(name) === 0 ? name : '',
    secureContext: contextOf(tls),
    rejectUnauthorized: tls.verify,
  });
}
