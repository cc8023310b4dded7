/** Fields that a proxy has to know. `other` is end-to-end and passed on as it stands. */
export const Field = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  /** Ends here whatever it holds: hop-by-hop, or a forwarding field that is not used. */
  dropped: 5,
  te: 6,
  trailer: 7,
  upgrade: 8,
  expect: 9,
  websocketKey: 10,
  forwardedFor: 11,
  forwardedProto: 12,
  forwardedHost: 13,
  forwardedPort: 14,
} as const;

interface Entry {
  readonly name: string;
  readonly id: number;
  /** Next entry with the same length and first letter. */
  readonly next: Entry | null;
}

const LONGEST = 31;

/** Names to numbers, without making a string of the name: by length and first letter, then compared byte by byte. */
export class FieldNames {
  /** Number of every name that holds an underscore. */
  readonly underscored: number;
  readonly #prefix: string;
  readonly #prefixId: number;
  readonly #entries: (Entry | null)[] = new Array((LONGEST + 1) * 32).fill(null);

  /** `prefix`: every name that begins with it and is not in `names` gets the number `prefixId`. */
  constructor(names: readonly (readonly [string, number])[], underscored: number, prefix = '', prefixId = 0) {
    this.underscored = underscored;
    this.#prefix = prefix;
    this.#prefixId = prefixId;
    for (const [name, id] of names) {
      const slot = name.length * 32 + (name.charCodeAt(0) & 31);
      this.#entries[slot] = { name, id, next: this.#entries[slot] ?? null };
    }
  }

  /** The number of the token from `start` to `end`; 0 when it has none. */
  find(buffer: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length <= LONGEST) {
      let entry = this.#entries[length * 32 + ((buffer[start] as number) & 31)] as Entry | null;
      for (; entry !== null; entry = entry.next) if (begins(buffer, start, entry.name)) return entry.id;
    }
    const prefix = this.#prefix;
    return prefix !== '' && length >= prefix.length && begins(buffer, start, prefix) ? this.#prefixId : Field.other;
  }
}

/** `buffer` holds tokens there, so that setting bit 5 maps only letters onto letters of `name`. */
function begins(buffer: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (((buffer[start + i] as number) | 0x20) !== name.charCodeAt(i)) return false;
  return true;
}

const FRAMING = [
  ['content-length', Field.contentLength],
  ['transfer-encoding', Field.transferEncoding],
  ['connection', Field.connection],
  ['keep-alive', Field.dropped],
  ['proxy-connection', Field.dropped],
  ['proxy-authenticate', Field.dropped],
  ['trailer', Field.trailer],
  ['upgrade', Field.upgrade],
] as const;

/** Names with an underscore alias others behind CGI-like gateways (`X_Real_IP`), so they end here. */
export const REQUEST_FIELDS = new FieldNames(
  [
    ...FRAMING,
    ['host', Field.host],
    ['te', Field.te],
    ['expect', Field.expect],
    ['sec-websocket-key', Field.websocketKey],
    ['proxy-authorization', Field.dropped],
    ['http2-settings', Field.dropped],
    ['forwarded', Field.dropped],
    ['x-real-ip', Field.dropped],
    ['x-forwarded-for', Field.forwardedFor],
    ['x-forwarded-proto', Field.forwardedProto],
    ['x-forwarded-host', Field.forwardedHost],
    ['x-forwarded-port', Field.forwardedPort],
  ],
  Field.dropped,
  'x-forwarded',
  Field.dropped,
);

export const RESPONSE_FIELDS = new FieldNames([...FRAMING, ['te', Field.dropped]], Field.other);
