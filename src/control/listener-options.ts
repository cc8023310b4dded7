import type { Document, ListenSettings, StreamListenSettings } from '../config/types.ts';
import type { ListenerOptions, ListenerTls } from '../l4/listener.ts';
import { listenerCertificateId } from './certificates.ts';

/** What is said of an HTTP listener besides its address. */
export function httpListenerOptions(settings: ListenSettings, document: Document): ListenerOptions {
  return { ...entrance(settings, document), tls: null };
}

/** The same of a stream listener. */
export function tcpListenerOptions(settings: StreamListenSettings, document: Document): ListenerOptions {
  return { ...entrance(settings, document), tls: tlsOf(settings, document.stream_listen.indexOf(settings)) };
}

function entrance(settings: ListenSettings | StreamListenSettings, { trusted_addresses }: Document) {
  return {
    connectionLimit: settings.max_connections ?? 0,
    sourceLimit: settings.max_connections_per_source ?? 0,
    proxies: settings.proxy_protocol ? (settings.trusted_addresses ?? trusted_addresses) : null,
  };
}

function tlsOf({ tls }: StreamListenSettings, index: number): ListenerTls | null {
  if (tls === undefined || tls === false) return null;
  const hasOwn = typeof tls === 'object' && tls.cert !== undefined;
  return { certificate: hasOwn ? listenerCertificateId(index) : null };
}
