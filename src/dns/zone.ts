import { isIP } from 'node:net';
import { isHost } from '../core/address.ts';
import type { Random } from '../core/random.ts';
import { type Query, RecordType, ResultCode } from './query.ts';
import type { OutRecord, Reply } from './reply.ts';
import { addressBytes, pointer, wireLabels, wireName } from './wire-name.ts';

/** A node that takes traffic now. */
export interface ServedNode {
  /** IP address or host name. */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  /** Higher is preferred. */
  readonly priority: number;
}

/** What is known under a name. `unknown`: there is such a thing, but nothing is known of its nodes yet. */
export type Directory = (name: string) => readonly ServedNode[] | 'unknown' | null;

export interface ZoneOptions {
  /** Without a final dot. */
  readonly domain: string;
  /** Seconds, of records and of their absence. */
  readonly ttl: number;
}

const HEADER_BYTES = 12;
const CLASS_IN = 1;
const CLASS_ANY = 255;
const OPCODE_QUERY = 0;
/** Below it, names such as `7f000001.addr.<domain>` stand for the address that they spell. */
const ADDRESS_LABEL = 'addr';
const MAX_SRV = 65_535;

/** Answers questions under one domain from what the directory knows in that moment. */
export class Zone {
  readonly #directory: Directory;
  readonly #random: Random;
  readonly #domain: readonly string[];
  readonly #ttl: number;

  constructor(options: ZoneOptions, directory: Directory, random: Random) {
    this.#directory = directory;
    this.#random = random;
    this.#domain = options.domain.toLowerCase().split('.');
    this.#ttl = options.ttl;
  }

  answer(query: Query): Reply {
    if (query.edns && query.edns.version !== 0) return bare(ResultCode.badVersion);
    if (query.opcode !== OPCODE_QUERY) return bare(ResultCode.notImplemented);
    const inDomain = this.#domain.every((label, index) => query.labels.at(index - this.#domain.length) === label);
    const depth = query.labels.length - this.#domain.length;
    if (!inDomain || depth < 0 || (query.class !== CLASS_IN && query.class !== CLASS_ANY))
      return bare(ResultCode.refused);
    return this.#below(query, query.labels.slice(0, depth));
  }

  #below(query: Query, labels: readonly string[]): Reply {
    const [first = '', second = ''] = labels;
    if (labels.length === 0) return this.#apex(query);
    if (labels.at(-1) === ADDRESS_LABEL && labels.length <= 2) return this.#spelled(query, labels);
    if (first.startsWith('_') && second.startsWith('_') && labels.length > 2) {
      return this.#nodes(query, labels.slice(2), [RecordType.SRV]);
    }
    // Between a service and its `_http._tcp` there is a name without records.
    if (first.startsWith('_') && labels.length > 1 && this.#directory(labels.slice(1).join('.')) !== null) {
      return this.#nothing(query, ResultCode.noError);
    }
    return this.#nodes(query, labels, [RecordType.A, RecordType.AAAA, RecordType.SRV]);
  }

  #nodes(query: Query, labels: readonly string[], types: readonly number[]): Reply {
    const nodes = this.#directory(labels.join('.'));
    if (nodes === null) return this.#nothing(query, ResultCode.noSuchName);
    if (nodes === 'unknown') return bare(ResultCode.serverFailure);
    const wanted = types.filter((type) => type === query.type || query.type === RecordType.ANY);
    if (wanted.includes(RecordType.SRV) && (types.length === 1 || query.type === RecordType.SRV)) {
      return this.#services(query, nodes);
    }
    return this.#addresses(query, nodes, wanted);
  }

  /** Addresses of the nodes that are preferred now, in a new order each time: many clients take the first. */
  #addresses(query: Query, nodes: readonly ServedNode[], types: readonly number[]): Reply {
    const top = Math.max(...nodes.map(({ priority }) => priority));
    const hosts = new Set(nodes.filter(({ priority }) => priority === top).map(({ host }) => host));
    const records = [...hosts].flatMap((host) => this.#addressRecord(pointer(HEADER_BYTES), host) ?? []);
    const answers = records.filter(({ type }) => types.includes(type));
    if (answers.length === 0) return this.#nothing(query, ResultCode.noError);
    return { ...bare(ResultCode.noError), answers: this.#shuffled(answers) };
  }

  /** One record for each node, with the addresses of their targets. */
  #services(query: Query, nodes: readonly ServedNode[]): Reply {
    if (nodes.length === 0) return this.#nothing(query, ResultCode.noError);
    const top = Math.max(...nodes.map(({ priority }) => priority));
    const heaviest = Math.max(...nodes.map(({ weight }) => weight));
    const scale = heaviest > MAX_SRV ? MAX_SRV / heaviest : 1;
    const domain = pointer(this.#domainOffset(query));
    const targets = new Map<string, OutRecord>();
    const answers = nodes.flatMap((node) => {
      const target = targetOf(node.host);
      if (!target) return [];
      const owner = Buffer.concat([wireLabels(target), domain]);
      const address = this.#addressRecord(owner, node.host);
      if (address) targets.set(node.host, address);
      const fixed = Buffer.alloc(6);
      fixed.writeUInt16BE(Math.min(MAX_SRV, top - node.priority), 0);
      fixed.writeUInt16BE(Math.max(1, Math.round(node.weight * scale)), 2);
      fixed.writeUInt16BE(node.port, 4);
      const name = wireName(address ? [...target, ...this.#domain] : target);
      return [this.#record(pointer(HEADER_BYTES), RecordType.SRV, Buffer.concat([fixed, name]))];
    });
    return { ...bare(ResultCode.noError), answers: this.#shuffled(answers), additionals: [...targets.values()] };
  }

  #spelled(query: Query, labels: readonly string[]): Reply {
    if (labels.length === 1) return this.#nothing(query, ResultCode.noError);
    const text = labels[0]!;
    if (!/^(?:[0-9a-f]{8}|[0-9a-f]{32})$/.test(text)) return this.#nothing(query, ResultCode.noSuchName);
    const type = text.length === 8 ? RecordType.A : RecordType.AAAA;
    if (query.type !== type && query.type !== RecordType.ANY) return this.#nothing(query, ResultCode.noError);
    const answers = [this.#record(pointer(HEADER_BYTES), type, Buffer.from(text, 'hex'))];
    return { ...bare(ResultCode.noError), answers };
  }

  #apex(query: Query): Reply {
    if (query.type !== RecordType.SOA && query.type !== RecordType.ANY) return this.#nothing(query, ResultCode.noError);
    return { ...bare(ResultCode.noError), answers: [this.#soa(query)] };
  }

  /** The SOA says for how long there is nothing (RFC 2308). */
  #nothing(query: Query, code: number): Reply {
    return { ...bare(code), authorities: [this.#soa(query)] };
  }

  /** There are no transfers of this zone, so that the serial and the times of its secondaries mean nothing. */
  #soa(query: Query): OutRecord {
    const domain = pointer(this.#domainOffset(query));
    const numbers = Buffer.alloc(20);
    [1, 3600, 600, 86_400, this.#ttl].forEach((value, index) => {
      numbers.writeUInt32BE(value, index * 4);
    });
    const mail = Buffer.concat([wireLabels(['hostmaster']), domain]);
    return this.#record(domain, RecordType.SOA, Buffer.concat([domain, mail, numbers]));
  }

  /** Where in the message, which begins with the question, the name of the domain stands. */
  #domainOffset(query: Query): number {
    const below = query.labels.slice(0, query.labels.length - this.#domain.length);
    return HEADER_BYTES + below.reduce((sum, label) => sum + 1 + label.length, 0);
  }

  #addressRecord(owner: Uint8Array, host: string): OutRecord | null {
    const bytes = addressBytes(host);
    return bytes && this.#record(owner, bytes.length === 4 ? RecordType.A : RecordType.AAAA, bytes);
  }

  #record(owner: Uint8Array, type: number, data: Uint8Array): OutRecord {
    return { owner, type, ttl: this.#ttl, data };
  }

  /** Fisher and Yates, in Durstenfeld's form. */
  #shuffled<T>(items: readonly T[]): readonly T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.#random.below(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!];
    }
    return shuffled;
  }
}

function bare(code: number): Reply {
  return { code, answers: [], authorities: [], additionals: [] };
}

/** For an IP address the labels, below our domain, that spell it; for a host name its own. Null for what has no name. */
function targetOf(host: string): readonly string[] | null {
  const bytes = addressBytes(host);
  if (bytes) return [Buffer.from(bytes).toString('hex'), ADDRESS_LABEL];
  return isIP(host) === 0 && isHost(host) ? host.replace(/\.$/, '').split('.') : null;
}
