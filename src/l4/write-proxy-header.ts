import { ipBytes, ipText } from '../core/ip.ts';
import type { ConnectionPeers } from './peers.ts';
import { V2_SIGNATURE } from './proxy-header.ts';

interface Ends {
  /** Both of the same length: 4 or 16 bytes. */
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly sourcePort: number;
  readonly targetPort: number;
}

/** A PROXY header that tells a node whose connection it gets. Names nobody when the client is gone already. */
export function writeProxyHeader(version: 1 | 2, peers: ConnectionPeers): Buffer {
  const ends = endsOf(peers);
  return version === 1 ? writeV1(ends) : writeV2(ends);
}

function endsOf(peers: ConnectionPeers): Ends | null {
  const source = ipBytes(peers.remoteAddress ?? '');
  const target = ipBytes(peers.localAddress ?? '');
  if (source === null || target === null) return null;
  const same = source.length === target.length;
  return {
    source: same ? source : mapped(source),
    target: same ? target : mapped(target),
    sourcePort: peers.remotePort ?? 0,
    targetPort: peers.localPort ?? 0,
  };
}

/** An IPv4 address as IPv6, ::ffff:a.b.c.d. */
function mapped(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  const bytes = new Uint8Array(16);
  bytes.fill(0xff, 10, 12);
  bytes.set(address, 12);
  return bytes;
}

function writeV1(ends: Ends | null): Buffer {
  if (ends === null) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  const isV4 = ends.source.length === 4;
  const [source, target] = [ends.source, ends.target].map((address) => v1Address(address, isV4));
  const family = isV4 ? 'TCP4' : 'TCP6';
  return Buffer.from(`PROXY ${family} ${source} ${target} ${ends.sourcePort} ${ends.targetPort}\r\n`, 'latin1');
}

/** A line of TCP6 wants IPv6 addresses, a mapped one too. */
function v1Address(address: Uint8Array, isV4: boolean): string {
  const text = ipText(address);
  return isV4 || text.includes(':') ? text : `::ffff:${text}`;
}

function writeV2(ends: Ends | null): Buffer {
  const size = ends === null ? 0 : ends.source.length * 2 + 4;
  const header = Buffer.alloc(V2_SIGNATURE.length + 4 + size);
  V2_SIGNATURE.copy(header);
  header[12] = ends === null ? 0x20 : 0x21;
  header[13] = ends === null ? 0 : ends.source.length === 4 ? 0x11 : 0x21;
  header.writeUInt16BE(size, 14);
  if (ends === null) return header;
  header.set(ends.source, 16);
  header.set(ends.target, 16 + ends.source.length);
  header.writeUInt16BE(ends.sourcePort, 12 + size);
  header.writeUInt16BE(ends.targetPort, 14 + size);
  return header;
}
