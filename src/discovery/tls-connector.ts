import { readFileSync } from 'node:fs';
import { buildConnector } from 'undici';
import { HeadgateError, reasonOf } from '../core/errors.ts';

/** A text, or the file that holds it: files are read at each use, because they are replaced while we run. */
export type Secret = { readonly text: string } | { readonly file: string };

/** Whom to trust and who to be on a connection; certificates and keys in PEM. */
export interface TlsIdentity {
  /** Null for the authorities that Node.js trusts. */
  readonly ca: Secret | null;
  readonly clientCertificate: { readonly cert: Secret; readonly key: Secret } | null;
  /** Name in the server's certificate where it is not that of the address. */
  readonly serverName: string | null;
  readonly verify: boolean;
}

/** Makes connections as undici wants them, plain ones too. `timeout` in milliseconds. */
export function connectorFor(identity: TlsIdentity, timeout: number): buildConnector.connector {
  return (options, callback) => {
    try {
      const tls = options.protocol === 'https:' ? tlsOptions(identity) : {};
      buildConnector({ timeout, ...tls })(options, callback);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)), null);
    }
  };
}

function tlsOptions({ ca, clientCertificate, serverName, verify }: TlsIdentity): buildConnector.BuildOptions {
  return {
    ...(ca !== null && { ca: readSecret(ca, 'the certificate authority') }),
    ...(clientCertificate !== null && {
      cert: readSecret(clientCertificate.cert, 'the client certificate'),
      key: readSecret(clientCertificate.key, 'the client key'),
    }),
    ...(serverName !== null && { servername: serverName }),
    ...(!verify && { rejectUnauthorized: false }),
  };
}

/** The secret's text. Throws DISCOVERY_UNREACHABLE, with the file, when it can't be read now. */
export function readSecret(secret: Secret, what: string): string {
  if ('text' in secret) return secret.text;
  try {
    return readFileSync(secret.file, 'utf8');
  } catch (cause) {
    const text = `can't be asked: ${what} can't be read: ${reasonOf(cause)}`;
    throw new HeadgateError(text, { code: 'DISCOVERY_UNREACHABLE', source: 'self', cause });
  }
}
