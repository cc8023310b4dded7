/** Builds ClientHello messages, also ones that no TLS library would send. */

export interface HelloParts {
  /** Value of the server_name extension; null leaves it out. */
  readonly serverName?: Buffer | null;
  /** Other extensions in front of it and behind. */
  readonly before?: readonly (readonly [number, Buffer])[];
  readonly after?: readonly (readonly [number, Buffer])[];
  readonly sessionId?: Buffer;
  readonly suites?: Buffer;
}

export function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

export function vector16(value: Buffer): Buffer {
  return Buffer.concat([u16(value.length), value]);
}

export function nameList(...names: readonly string[]): Buffer {
  const entries = names.map((name) => Buffer.concat([Buffer.from([0]), vector16(Buffer.from(name, 'latin1'))]));
  return vector16(Buffer.concat(entries));
}

/** The handshake message. */
export function helloMessage(parts: HelloParts): Buffer {
  const sessionId = parts.sessionId ?? Buffer.alloc(32, 7);
  const named: [number, Buffer][] = parts.serverName ? [[0, parts.serverName]] : [];
  const extensions = [...(parts.before ?? []), ...named, ...(parts.after ?? [])];
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 1),
    Buffer.from([sessionId.length]),
    sessionId,
    vector16(parts.suites ?? Buffer.from([0x13, 0x01, 0x0a, 0x0a])),
    Buffer.from([1, 0]),
    vector16(Buffer.concat(extensions.map(([type, data]) => Buffer.concat([u16(type), vector16(data)])))),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  length[0] = 1;
  return Buffer.concat([length, body]);
}

/** The message in records of at most `size` bytes. */
export function inRecords(message: Buffer, size = 16_384): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    records.push(Buffer.from([22, 3, 1]), vector16(message.subarray(at, at + size)));
  }
  return Buffer.concat(records);
}
