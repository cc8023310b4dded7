import { createSecureContext } from 'node:tls';
import type { Document, InlineUpstream } from '../config/types.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { PlannedCertificate, PlannedTls } from '../upstream/plan.ts';
import type { PemSource } from './pem-files.ts';

/** Id of the certificate that the stream listener at that place of the list has for itself. It can't be that of a resource. */
export function listenerCertificateId(index: number): string {
  return `stream_listen[${index}]`;
}

/** All certificates that listeners may show. Throws a HeadgateError that names the place of one that is no good. */
export function defineCertificates(document: Document, pem: PemSource): PlannedCertificate[] {
  const certificates: PlannedCertificate[] = [];
  for (const { id, snis, cert, key, status } of document.ssls) {
    if (status === 1) certificates.push(certificate(id, snis, cert, key, `ssls "${id}"`, pem));
  }
  for (const [index, { tls }] of document.stream_listen.entries()) {
    if (typeof tls !== 'object' || tls.cert === undefined || tls.key === undefined) continue;
    const id = listenerCertificateId(index);
    certificates.push(certificate(id, [], tls.cert, tls.key, `${id}.tls`, pem));
  }
  return certificates;
}

function certificate(
  id: string,
  names: readonly string[],
  cert: string,
  key: string,
  place: string,
  pem: PemSource,
): PlannedCertificate {
  const texts = { cert: pem.read(cert, `${place}.cert`), key: pem.read(key, `${place}.key`) };
  proved(texts, place);
  return { id, names, ...texts };
}

/** How an upstream's nodes are spoken to; null for plain TCP. Throws a HeadgateError when a certificate is no good. */
export function defineTls(id: string, upstream: InlineUpstream, pem: PemSource): PlannedTls | null {
  if (upstream.scheme !== 'tls') return null;
  const { tls } = upstream;
  const place = `upstream ${id}: tls`;
  const read = (value: string | undefined, field: string) =>
    value === undefined ? null : pem.read(value, `${place}.${field}`);
  const texts = {
    ca: read(tls?.ca, 'ca'),
    cert: read(tls?.client_cert, 'client_cert'),
    key: read(tls?.client_key, 'client_key'),
  };
  proved(texts, place);
  return { serverName: tls?.sni ?? null, verify: tls?.verify ?? true, ...texts };
}

/** What can't be used is found here, and not in a worker. */
function proved(
  texts: Readonly<Record<'cert' | 'key', string | null>> & { readonly ca?: string | null },
  place: string,
) {
  try {
    createSecureContext(Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== null)));
  } catch (error) {
    const text = `${place}: the certificate and its key can't be used: ${reasonOf(error)}`;
    throw new HeadgateError(text, { code: 'BAD_CERTIFICATE', source: 'self', cause: error });
  }
}
