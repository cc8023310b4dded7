import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { kubernetesAccess } from '../../src/discovery/kubernetes-place.ts';
import { DEFAULT_KUBERNETES } from '../support/discovery-defaults.ts';

const POD = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const PLACE = DEFAULT_KUBERNETES.place;

describe('where the API server is', () => {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-kubeconfig-'));
  const file = join(directory, 'config');
  after(() => rmSync(directory, { recursive: true }));

  const user = { token: 'secret' };
  const cluster = { server: 'https://api.example.com:6443/k8s', 'certificate-authority': 'ca.pem' };
  function config(changes: { user?: object; cluster?: object; rest?: object } = {}): void {
    const content = {
      'current-context': 'one',
      contexts: [
        { name: 'one', context: { cluster: 'c', user: 'u' } },
        { name: 'two', context: { cluster: 'c' } },
      ],
      clusters: [{ name: 'c', cluster: changes.cluster ?? cluster }],
      users: [{ name: 'u', user: changes.user ?? user }],
      ...changes.rest,
    };
    writeFileSync(file, JSON.stringify(content));
  }
  const read = (context: string | null = null) => kubernetesAccess({ ...PLACE, kubeconfig: file, context }, {});

  it('takes the service account of the pod that it runs in', () => {
    const access = kubernetesAccess(PLACE, POD);
    assert.equal(access.server.href, 'https://10.96.0.1/');
    assert.deepEqual(access.token, { file: `${ACCOUNT}/token` });
    assert.deepEqual(access.ca, { file: `${ACCOUNT}/ca.crt` });
    assert.equal(kubernetesAccess(PLACE, { ...POD, KUBERNETES_SERVICE_HOST: 'fd00::1' }).server.host, '[fd00::1]');
  });

  it('takes an address, a token and an authority that are stated', () => {
    const place = { ...PLACE, host: 'api.example.com', port: 6443, token: 't', caFile: '/ca.pem' };
    const access = kubernetesAccess(place, POD);
    assert.equal(access.server.href, 'https://api.example.com:6443/');
    assert.deepEqual([access.token, access.ca], [{ text: 't' }, { file: '/ca.pem' }]);
    assert.equal(kubernetesAccess({ ...place, caFile: null }, {}).ca, null);
    assert.deepEqual(kubernetesAccess({ ...place, token: null, tokenFile: '/t' }, {}).token, { file: '/t' });
  });

  it('sends no token of a pod in the clear', () => {
    const access = kubernetesAccess({ ...PLACE, scheme: 'http', host: '127.0.0.1', port: 8001 }, POD);
    assert.equal(access.token, null);
  });

  it('says what to set outside a cluster', () => {
    assert.throws(() => kubernetesAccess(PLACE, {}), { code: 'CONFIG_INVALID', message: /service\.host.*kubeconfig/ });
  });

  it('reads the current context of a kubeconfig, and paths from its directory on', () => {
    config();
    const access = read();
    assert.equal(access.server.href, 'https://api.example.com:6443/k8s');
    assert.deepEqual(access.token, { text: 'secret' });
    assert.deepEqual(access.ca, { file: join(directory, 'ca.pem') });
    assert.deepEqual([access.verify, access.serverName, access.clientCertificate], [true, null, null]);
    assert.equal(read('two').token, null);
  });

  it('reads certificates, inline and from files, and what is said of trust', () => {
    const data = Buffer.from('PEM').toString('base64');
    config({
      user: { 'client-certificate-data': data, 'client-key': 'sub/key.pem', tokenFile: '/run/token' },
      cluster: {
        server: 'https://api',
        'certificate-authority-data': data,
        'tls-server-name': 'kubernetes',
        'insecure-skip-tls-verify': true,
      },
    });
    const access = read();
    const key = { file: join(directory, 'sub/key.pem') };
    assert.deepEqual(access.clientCertificate, { cert: { text: 'PEM' }, key });
    assert.deepEqual([access.token, access.ca], [{ file: '/run/token' }, { text: 'PEM' }]);
    assert.deepEqual([access.verify, access.serverName], [false, 'kubernetes']);
  });

  it('refuses what it cannot use, with the file and the remedy', () => {
    const cases: [Parameters<typeof config>[0], RegExp][] = [
      [
        { user: { exec: { command: 'aws' } } },
        /"u" can't be used: .*\(exec\), which Headgate does not run.*token_file/,
      ],
      [{ user: { 'auth-provider': { name: 'gcp' } } }, /auth-provider.*removed/],
      [{ user: { username: 'me', password: 'p' } }, /password.*removed/],
      [{ user: { 'client-certificate': 'c.pem' } }, /needs both a client-certificate and a client-key/],
      [{ cluster: { server: 'api' } }, /server of the cluster "c" is not an http or https URL/],
      [{ cluster: { ...cluster, 'proxy-url': 'http://p' } }, /proxy-url/],
      [{ rest: { 'current-context': '' } }, /no current-context: set discovery\.kubernetes\.context/],
      [{ rest: { users: [] } }, /there is no "u" in its users/],
      [{ rest: { clusters: null } }, /there is no "c" in its clusters/],
      [{ rest: { contexts: [{ name: 'one', context: {} }] } }, /the context "one" names no cluster/],
    ];
    for (const [changes, message] of cases) {
      config(changes);
      assert.throws(() => read(), { code: 'CONFIG_INVALID', message });
      assert.throws(() => read(), { message: new RegExp(`^the kubeconfig ${file} can't be used: `) });
    }
    writeFileSync(file, 'a: [');
    assert.throws(() => read(), { code: 'CONFIG_INVALID' });
    rmSync(file);
    assert.throws(() => read(), { code: 'CONFIG_INVALID', message: /ENOENT/ });
  });
});
