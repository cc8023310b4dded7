import { decode, encode, type Packet, RECURSION_DESIRED, type RecordType } from 'dns-packet';

export interface DnsAsk {
  readonly id?: number;
  /** What the client says that it takes by UDP; without it there is no EDNS. */
  readonly payload?: number;
  readonly version?: number;
}

/** The bytes of a question. */
export function dnsQuery(name: string, type: RecordType | 'ANY', ask: DnsAsk = {}): Buffer {
  const { id = 4711, payload, version = 0 } = ask;
  const opt = {
    type: 'OPT' as const,
    name: '.' as const,
    udpPayloadSize: payload ?? 0,
    extendedRcode: 0,
    ednsVersion: version,
    flags: 0,
    flag_do: false,
    options: [],
  };
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type: type as RecordType, class: 'IN' }],
    additionals: payload === undefined ? [] : [opt],
  });
}

export interface DnsSeen extends Packet {
  readonly rcode: string;
  readonly flag_tc: boolean;
  readonly flag_aa: boolean;
}

/** An answer, read by a parser that is not ours. */
export function readDns(bytes: Uint8Array | null): DnsSeen {
  if (bytes === null) throw new Error('there was no answer');
  return decode(Buffer.from(bytes)) as Packet as DnsSeen;
}

/** The data of records, in order: `A 10.0.0.1`, `SRV 0 5 80 target`. */
export function dnsData(records: Packet['answers'] = []): string[] {
  return records.map((record) => {
    if (record.type === 'SRV') {
      const { priority, weight, port, target } = record.data;
      return `SRV ${priority} ${weight} ${port} ${target}`;
    }
    return record.type === 'A' || record.type === 'AAAA' ? `${record.type} ${record.data}` : record.type;
  });
}
