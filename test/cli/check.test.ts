import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { check } from '../../src/cli/check.ts';
import { MAX_FILE_BYTES } from '../../src/config/read.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/test-certificate.ts';

const directory = mkdtempSync(join(tmpdir(), 'headgate-check-'));
after(() => rmSync(directory, { recursive: true }));

async function checked(name: string, content?: string | Buffer) {
  const file = join(directory, name);
  if (content !== undefined) writeFileSync(file, content);
  let text = '';
  const code = await check(file, { write: (chunk) => void (text += chunk) });
  return { code, text: text.replaceAll(`${directory}/`, '') };
}

test('a good file: what is in it, and exit code 0', async () => {
  assert.deepEqual(await checked('good.yaml', 'upstreams: [{id: 1, nodes: {}}, {id: 2, nodes: {}}]'), {
    code: 0,
    text: 'good.yaml: ok (0 routes, 0 services, 2 upstreams, 0 stream routes, 0 ssls)\n',
  });
});

test('a warning is shown and does not fail the check', async () => {
  const text = 'stream_routes:\n  - {id: 1, server_port: 5, upstream: {nodes: {}}}\n';
  assert.deepEqual(await checked('warn.yaml', text), {
    code: 0,
    text:
      'warn.yaml:2:26: warning: stream_routes[0].server_port: no stream_listen has the port 5 (the route is never used)\n' +
      'warn.yaml: ok (0 routes, 0 services, 0 upstreams, 1 stream route, 0 ssls)\n',
  });
});

test('a bad file: every problem, their number, and exit code 1', async () => {
  assert.deepEqual(await checked('bad.yaml', 'lisen: []\nworkers: 0\n'), {
    code: 1,
    text:
      'bad.yaml:1:1: lisen: unknown key (did you mean "listen"?)\n' +
      'bad.yaml:2:10: workers: must be "auto" or a whole number from 1 to 256, is the number 0\n' +
      'bad.yaml: 2 problems\n',
  });
});

test('a file that cannot be read', async () => {
  const missing = await checked('missing.yaml');
  assert.equal(missing.code, 1);
  assert.match(missing.text, /^missing\.yaml: cannot be read: ENOENT.*\nmissing\.yaml: 1 problem\n$/);
  const folder = await checked('.');
  assert.equal(folder.code, 1);
  assert.match(folder.text, /cannot be read: EISDIR/);
});

test('a file that is not text', async () => {
  const result = await checked('bytes.yaml', Buffer.from([0x61, 0xff, 0xfe]));
  assert.deepEqual(result, { code: 1, text: 'bytes.yaml: is not UTF-8 text\nbytes.yaml: 1 problem\n' });
});

test('a file that is too large', async () => {
  const least = await checked('large.yaml', Buffer.alloc(MAX_FILE_BYTES + 1, '#'));
  assert.deepEqual(least, { code: 1, text: 'large.yaml: is too large (at most 8 MiB)\nlarge.yaml: 1 problem\n' });
  assert.equal((await checked('fits.yaml', Buffer.alloc(MAX_FILE_BYTES, '#'))).code, 0);
});

test('a certificate that a start could not read, and one that it could', async () => {
  const pem = join(directory, 'cert.pem');
  const text = `ssls: [{id: s, snis: [a.example], cert: ${pem}, key: ${JSON.stringify(TEST_KEY)}}]\n`;
  const missing = await checked('tls.yaml', text);
  assert.equal(missing.code, 1);
  assert.match(
    missing.text,
    /^tls\.yaml: ssls "s"\.cert: "cert\.pem" is not PEM text .*ENOENT.*\ntls\.yaml: 1 problem\n$/,
  );
  writeFileSync(pem, TEST_CERTIFICATE);
  assert.equal((await checked('tls.yaml')).code, 0);
});
