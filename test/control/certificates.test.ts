import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { defineResources } from '../../src/control/definitions.ts';
import { PemFiles } from '../../src/control/pem-files.ts';
import { selfSigned } from '../support/certificates.ts';
import { FakeClock } from '../support/fake-clock.ts';

const one = selfSigned('one.example');
const two = selfSigned('two.example');
const folder = mkdtempSync(join(tmpdir(), 'headgate-pem-'));
const place = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('certificates of a configuration', () => {
  after(() => rmSync(folder, { recursive: true }));

  const define = (input: DocumentInput) =>
    defineResources(documentFrom(input), new PemFiles(new FakeClock(), () => {}));

  it('are PEM text or files, for names and for listeners; one that is switched off is not there', async () => {
    const pem = new PemFiles(new FakeClock(), () => {});
    const document = documentFrom({
      ssls: [
        { id: 1, sni: 'ONE.example', ...one },
        { id: 'off', sni: 'x.example', cert: 'no file', key: 'no file', status: 0 },
      ],
      stream_listen: [
        { address: '127.0.0.1:0', tls: true },
        { address: '127.0.0.1:0', tls: { cert: place('two.pem', two.cert), key: place('two.key', two.key) } },
      ],
    });
    assert.deepEqual(defineResources(document, pem).certificates, [
      { id: '1', names: ['one.example'], ...one },
      { id: 'stream_listen[1]', names: [], ...two },
    ]);
    await pem.close(0);
  });

  it('of upstreams travel with them, and only with scheme: tls', () => {
    const node = { nodes: { '10.0.0.1:1': 1 } };
    const { upstreams } = define({
      upstreams: [
        { id: 'plain', ...node, scheme: 'tcp' },
        {
          id: 'tls',
          ...node,
          scheme: 'tls',
          tls: { sni: 'db', ca: one.cert, client_cert: two.cert, client_key: two.key },
        },
        { id: 'bare', ...node, scheme: 'tls', proxy_protocol: 2, on_node_gone: { close_after: 30 } },
      ],
    });
    assert.equal(upstreams.get('plain')?.settings.stream, undefined);
    const tls = { serverName: 'db', verify: true, ca: one.cert, cert: two.cert, key: two.key };
    assert.deepEqual(upstreams.get('tls')?.settings.stream?.tls, tls);
    assert.deepEqual(upstreams.get('bare')?.settings.stream, {
      proxyProtocol: 2,
      tls: { serverName: null, verify: true, ca: null, cert: null, key: null },
      closeAfter: 30_000,
    });
  });

  it('that are no good are refused with their place', () => {
    const refuses = (input: DocumentInput, message: RegExp) =>
      assert.throws(
        () => define(input),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'BAD_CERTIFICATE');
          assert.match(error.message, message);
          assert.ok(!error.message.includes('PRIVATE KEY'), 'a key is never shown');
          return true;
        },
      );
    refuses(
      { ssls: [{ id: 1, sni: 'a.b', cert: '/no/such.pem', key: one.key }] },
      /^ssls "1"\.cert: "\/no\/such\.pem" .*can't be read/,
    );
    refuses({ ssls: [{ id: 1, sni: 'a.b', cert: one.cert, key: two.key }] }, /^ssls "1": .*key/);
    refuses({ ssls: [{ id: 1, sni: 'a.b', cert: one.cert, key: 'MIIE'.repeat(200) }] }, /neither PEM text nor/);
    const listener = { address: '127.0.0.1:0', tls: { cert: place('bad.pem', 'no PEM'), key: place('k', one.key) } };
    refuses({ stream_listen: [listener] }, /^stream_listen\[0\]\.tls: /);
    const upstream = { id: 'u', nodes: {}, scheme: 'tls' as const, tls: { ca: '/no/ca.pem' } };
    refuses({ upstreams: [upstream] }, /^upstream u: tls\.ca: /);
  });
});
