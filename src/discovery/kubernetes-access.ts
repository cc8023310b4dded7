import { readFileSync } from 'node:fs';
import { HeadgateError, reasonOf } from '../core/errors.ts';

/** PEM text, or the file that holds it: files are read at each use, because clusters replace them. */
export type Secret = { readonly text: string } | { readonly file: string };

/** How to reach an API server and who to be there. */
export interface KubernetesAccess {
  readonly server: URL;
  readonly token: Secret | null;
  /** Null for the authorities that Node.js trusts. */
  readonly ca: Secret | null;
  readonly clientCertificate: { readonly cert: Secret; readonly key: Secret } | null;
  /** Name in the server's certificate where it is not that of the address. */
  readonly serverName: string | null;
  readonly verify: boolean;
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
