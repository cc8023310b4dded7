import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import fc from 'fast-check';
import { type HelloReading, readClientHello } from '../../src/l4/client-hello.ts';
import { helloMessage, inRecords, nameList, u16, vector16 } from '../support/client-hello.ts';

const hello = (serverName: string | null): HelloReading => ({ kind: 'hello', serverName });
const OTHER: HelloReading = { kind: 'other' };
const PADDING: [number, Buffer] = [21, Buffer.alloc(600)];
/** Values that a client sends to see whether servers ignore what they do not know (RFC 8701). */
const GREASE: [number, Buffer] = [0x7a7a, Buffer.from([0])];
const ECH: [number, Buffer] = [0xfe0d, Buffer.alloc(200, 5)];

/** What a client of Node.js sends first. */
async function firstBytes(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  const [socket] = await accepted;
  const [bytes] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

describe('the server name of a ClientHello', () => {
  test('of real clients, from TLS 1.2 to post-quantum key shares', async () => {
    const name = { servername: 'DB.example.com' };
    for (const options of [{}, { maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }, { ecdhCurve: 'X25519MLKEM768' }]) {
      const bytes = await firstBytes({ ...name, ...(options as ConnectionOptions) });
      assert.deepEqual(readClientHello(bytes), hello('db.example.com'));
      assert.deepEqual(readClientHello(Buffer.concat([bytes, bytes])), hello('db.example.com'));
    }
    assert.deepEqual(readClientHello(await firstBytes({})), hello(null));
  });

  test('stands among extensions that are unknown, and is the outer one with ECH', () => {
    const message = helloMessage({ before: [GREASE, ECH], serverName: nameList('public.example'), after: [PADDING] });
    assert.deepEqual(readClientHello(inRecords(message)), hello('public.example'));
  });

  test('a hello without it, or with something that is no host name', () => {
    assert.deepEqual(readClientHello(inRecords(helloMessage({ before: [PADDING] }))), hello(null));
    const old = helloMessage({});
    const bare = Buffer.concat([old.subarray(0, -2)]);
    bare.writeUIntBE(bare.length - 4, 1, 3);
    assert.deepEqual(readClientHello(inRecords(bare)), hello(null), 'no extensions at all');
    for (const name of ['127.0.0.1', '::1', 'a b', 'a\0b', 'ä.example', 'x'.repeat(300)]) {
      assert.deepEqual(readClientHello(inRecords(helloMessage({ serverName: nameList(name) }))), hello(null), name);
    }
    assert.deepEqual(
      readClientHello(inRecords(helloMessage({ serverName: nameList('a.example.') }))),
      hello('a.example'),
    );
    const other = vector16(Buffer.concat([Buffer.from([9]), vector16(Buffer.from('x'))]));
    assert.deepEqual(
      readClientHello(inRecords(helloMessage({ serverName: other }))),
      hello(null),
      'another kind of name',
    );
  });

  test('what is not TLS, or not a valid hello, is known at once', () => {
    const good = helloMessage({ serverName: nameList('a.example') });
    const serverHello = Buffer.from(good);
    serverHello[0] = 2;
    const wrong: Record<string, Buffer> = {
      HTTP: Buffer.from('GET / HTTP/1.1\r\n'),
      'PostgreSQL before TLS': Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
      'SSL 2': Buffer.from([0x80, 0x2e, 1, 3, 1]),
      'an alert': Buffer.from([21, 3, 1, 0, 2, 1, 0]),
      'another major version': Buffer.from([22, 4]),
      'an empty record': Buffer.from([22, 3, 1, 0, 0]),
      'a record that is too long': Buffer.from([22, 3, 1, 0x40, 1]),
      'another message': inRecords(serverHello),
      'an endless message': Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]),
      'a message without a body': Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]),
      'a record of another type within': Buffer.concat([inRecords(good).subarray(0, 5 + 20), Buffer.from('x')]),
      'two names': inRecords(helloMessage({ serverName: nameList('a.example', 'b.example') })),
      'the extension twice': inRecords(
        helloMessage({ before: [[0, nameList('a.example')]], serverName: nameList('b.example') }),
      ),
      'an empty list': inRecords(helloMessage({ serverName: u16(0) })),
      'an empty name': inRecords(helloMessage({ serverName: nameList('') })),
      'bytes behind the list': inRecords(
        helloMessage({ serverName: Buffer.concat([nameList('a'), Buffer.from([0])]) }),
      ),
      'a name longer than its list': inRecords(helloMessage({ serverName: Buffer.from([0, 4, 0, 0, 9, 97]) })),
      'a session id that is too long': inRecords(helloMessage({ sessionId: Buffer.alloc(33) })),
      'half a cipher suite': inRecords(helloMessage({ suites: Buffer.alloc(3) })),
      'no cipher suite': inRecords(helloMessage({ suites: Buffer.alloc(0) })),
    };
    wrong['a record of another type within']![3] = 0;
    wrong['a record of another type within']![4] = 20;
    for (const [what, bytes] of Object.entries(wrong)) assert.deepEqual(readClientHello(bytes), OTHER, what);
  });

  test('however it is cut into segments and records, the answer is the same, and no earlier one is', () => {
    const names = fc.constantFrom('a.example', 'xn--bcher-kva.example', 'very.long.'.repeat(20).concat('example'));
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 400 }), fc.boolean(), (name, record, padded) => {
        const after = padded ? [PADDING, ECH] : [GREASE];
        const bytes = inRecords(helloMessage({ serverName: nameList(name), after }), record);
        assert.deepEqual(readClientHello(bytes), hello(name));
        let needs = 0;
        for (let end = 0; end < bytes.length; end++) {
          const reading = readClientHello(bytes.subarray(0, end));
          assert.equal(reading.kind, 'partial', `after ${end} bytes`);
          if (reading.kind !== 'partial') return;
          assert.ok(reading.needs > end && reading.needs <= bytes.length);
          assert.ok(reading.needs >= needs, 'what was needed stays needed');
          needs = reading.needs;
        }
      }),
      { numRuns: 40 },
    );
  });

  test('no bytes make it throw, hang, or read what is not there', () => {
    const good = inRecords(helloMessage({ serverName: nameList('a.example'), after: [PADDING] }), 90);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255))), fc.nat(good.length), (changes, end) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        const reading = readClientHello(bytes.subarray(0, end));
        if (reading.kind === 'partial') assert.ok(reading.needs > end);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readClientHello(Buffer.from(bytes))));
  });
});
