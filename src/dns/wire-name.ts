import { isIPv4, isIPv6 } from 'node:net';

/** A pointer to a place in the message (RFC 1035 §4.1.4). */
export function pointer(offset: number): Uint8Array {
  return Uint8Array.of(0xc0 | (offset >> 8), offset & 255);
}

/** Labels in the form of the wire, without an end: a pointer or the root follows. */
export function wireLabels(labels: readonly string[]): Uint8Array {
  return Buffer.concat(labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')));
}

/** A whole name, not compressed. */
export function wireName(labels: readonly string[]): Uint8Array {
  return Buffer.concat([wireLabels(labels), Uint8Array.of(0)]);
}

/** The four or sixteen bytes of an IP address; null for anything else. */
export function addressBytes(host: string): Uint8Array | null {
  if (isIPv4(host)) return Uint8Array.from(host.split('.').map(Number));
  if (!isIPv6(host) || host.includes('%')) return null;
  return ipv6Bytes(host);
}

function ipv6Bytes(host: string): Uint8Array {
  // The last four bytes may be written as an IPv4 address.
  const tail = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  const pair = (high: string | undefined, low: string | undefined) => (Number(high) * 256 + Number(low)).toString(16);
  const text = tail ? `${tail[1]}${pair(tail[2], tail[3])}:${pair(tail[4], tail[5])}` : host;
  const [before = '', after] = text.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const head = words(before);
  const rest = after === undefined ? [] : words(after);
  const zeros = new Array<number>(8 - head.length - rest.length).fill(0);
  return Uint8Array.from([...head, ...zeros, ...rest].flatMap((word) => [word >> 8, word & 255]));
}
