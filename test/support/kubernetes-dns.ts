import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../../src/core/address.ts';
import { freePorts } from './free-port.ts';
import { ADMIN_TOKEN, type KubernetesServer } from './kubernetes.ts';
import { ServerProcess } from './server-process.ts';

const TTL = 1;

/** CoreDNS as a cluster runs it: it answers for `cluster.local` with what the API server says. */
export class KubernetesDns {
  readonly address: Address;
  /** A resolv.conf as the kubelet writes it into a pod of the namespace `default`. */
  readonly resolvConf: string;
  readonly #directory: string;
  readonly #process: ServerProcess;

  private constructor(address: Address, directory: string, process: ServerProcess) {
    this.address = address;
    this.resolvConf = join(directory, 'resolv.conf');
    this.#directory = directory;
    this.#process = process;
  }

  static async start(coreDns: string, kubernetes: KubernetesServer): Promise<KubernetesDns> {
    const directory = await mkdtemp(join(tmpdir(), 'headgate-kubernetes-dns-'));
    const [port, health] = await freePorts(2);
    const [corefile, config] = [join(directory, 'Corefile'), join(directory, 'kubeconfig')];
    const cluster = { server: `https://127.0.0.1:${kubernetes.port}`, 'certificate-authority': kubernetes.caFile };
    const kubeconfig = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'test', user: { token: ADMIN_TOKEN } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    };
    await writeFile(config, JSON.stringify(kubeconfig));
    await writeFile(
      corefile,
      `cluster.local:${port} {
        bind 127.0.0.1
        ready 127.0.0.1:${health}
        kubernetes cluster.local {
          kubeconfig ${config} test
          ttl ${TTL}
        }
      }\n`,
    );
    const process = new ServerProcess('CoreDNS', coreDns, ['-conf', corefile]);
    const dns = new KubernetesDns({ host: '127.0.0.1', port: port! }, directory, process);
    const search = 'default.svc.cluster.local svc.cluster.local cluster.local';
    await writeFile(dns.resolvConf, `search ${search}\noptions ndots:5\n`);
    await process.start(async () => (await fetch(`http://127.0.0.1:${health}/ready`)).ok);
    return dns;
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    await rm(this.#directory, { recursive: true, force: true });
  }
}
