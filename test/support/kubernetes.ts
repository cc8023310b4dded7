import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { EtcdServer, etcdBinary } from './etcd.ts';
import { freePorts } from './free-port.ts';
import { binaryOf, ServerProcess } from './server-process.ts';

/** What installs the server and its store. */
export const KUBERNETES_COMMAND = 'bash test/servers/etcd.sh && bash test/servers/kube-apiserver.sh';

/** The binary that `test/servers/kube-apiserver.sh` built; null when it or etcd is not there. */
export function kubernetesBinary(): string | null {
  return etcdBinary() && binaryOf(`kube-apiserver-${process.env.KUBE_VERSION || 'v1.35.0'}`, 'kube-apiserver');
}

export const ADMIN_TOKEN = 'admin-token';

/** A real API server with an etcd of its own. No controllers run: EndpointSlices are written by the tests. */
export class KubernetesServer {
  readonly port: number;
  /** The certificate that clients trust. */
  readonly caFile: string;
  readonly etcd: EtcdServer;
  readonly #directory: string;
  readonly #process: ServerProcess;
  readonly #agent: Agent;

  private constructor(binary: string, directory: string, port: number, etcd: EtcdServer) {
    this.port = port;
    this.etcd = etcd;
    this.#directory = directory;
    this.caFile = join(directory, 'tls.pem');
    const file = (name: string) => join(directory, name);
    writeCredentials(directory);
    this.#agent = new Agent({ connect: { ca: readFileSync(this.caFile, 'utf8') } });
    this.#process = new ServerProcess('kube-apiserver', binary, [
      ...[`--etcd-servers=${etcd.address}`, '--bind-address=127.0.0.1', '--advertise-address=127.0.0.1'],
      ...[`--secure-port=${port}`, `--tls-cert-file=${file('tls.pem')}`, `--tls-private-key-file=${file('tls.key')}`],
      ...[`--client-ca-file=${file('tls.pem')}`, `--token-auth-file=${file('tokens.csv')}`],
      ...['--authorization-mode=RBAC', '--service-account-issuer=https://localhost'],
      ...[`--service-account-key-file=${file('sa.key')}`, `--service-account-signing-key-file=${file('sa.key')}`],
      ...['--service-cluster-ip-range=10.0.0.0/24', '--endpoint-reconciler-type=none'],
      ...['--disable-admission-plugins=ServiceAccount', `--cert-dir=${directory}`, '-v=0'],
    ]);
  }

  static async start(binary: string): Promise<KubernetesServer> {
    const etcd = await EtcdServer.start(etcdBinary()!);
    const directory = await mkdtemp(join(tmpdir(), 'headgate-kubernetes-'));
    const [port] = await freePorts(1);
    const kubernetes = new KubernetesServer(binary, directory, port!, etcd);
    await kubernetes.restart();
    return kubernetes;
  }

  /** A path of a file in a directory that goes with the server. */
  file(name: string): string {
    return join(this.#directory, name);
  }

  /** One request as the administrator; throws when the answer is not a good one. */
  async call(method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await request(`https://127.0.0.1:${this.port}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': type },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const answer = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`);
    return answer.startsWith('{') ? JSON.parse(answer) : answer;
  }

  /** A token of a service account, which is made if it is not there. */
  async tokenFor(namespace: string, account: string): Promise<string> {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await this.call('POST', accounts, { metadata: { name: account } }).catch(() => {});
    const answer = await this.call('POST', `${accounts}/${account}/token`, { spec: { expirationSeconds: 600 } });
    return (answer as { status: { token: string } }).status.token;
  }

  kill(): Promise<void> {
    return this.#process.end('SIGKILL');
  }

  /** Starts it again on what its etcd has. */
  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    await this.#process.end(signal);
    await this.#process.start(async () => {
      await this.call('GET', '/readyz');
      await this.call('GET', '/api/v1/namespaces/default');
      return true;
    });
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
    await this.kill();
    await this.etcd.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function writeCredentials(directory: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', 'tls.key', '-out', 'tls.pem'],
  );
  openssl(
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', '/O=system:masters/CN=client', '-keyout', 'client.key', '-out', 'client.csr'],
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'client.csr',
    '-CA',
    'tls.pem',
    '-CAkey',
    'tls.key',
    '-days',
    '30',
    '-out',
    'client.pem',
  );
  openssl('genrsa', '-out', 'sa.key', '2048');
  writeFileSync(join(directory, 'tokens.csv'), `${ADMIN_TOKEN},admin,1,"system:masters"\n`);
}
