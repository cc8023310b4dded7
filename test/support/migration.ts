import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChangeView } from '../../src/admin/discovery-views.ts';
import type { NodeSourceView, UpstreamView } from '../../src/admin/views.ts';
import { HeadgateProcess } from './headgate.ts';
import { Load } from './load.ts';
import { NodeProcess } from './node-process.ts';

const ROUTES = [
  { id: 'web', uri: '/', upstream_id: 'web' },
  { id: 'standby', uri: '/standby', upstream_id: 'standby' },
];

/**
 * A service on its way from a registry that speaks Consul's API to a directory of node lists, behind a gateway that takes its
 * nodes from both, under load.
 */
export class Migration {
  readonly #directory: string;
  readonly #consul: string;
  readonly #headgate: HeadgateProcess;
  readonly #nodes: readonly NodeProcess[];
  readonly #load: Load;

  private constructor(directory: string, consul: string, headgate: HeadgateProcess, nodes: readonly NodeProcess[]) {
    this.#directory = directory;
    this.#consul = consul;
    this.#headgate = headgate;
    this.#nodes = nodes;
    this.#load = new Load(this.#url('/'), 4);
  }

  /** With nodes `a` and `b` in the registry, none in the files, and `c` in neither. */
  static async start(consul: string, settings: object): Promise<Migration> {
    const directory = await mkdtemp(join(tmpdir(), 'headgate-nodes-'));
    const nodes = await Promise.all(['a', 'b', 'c'].map((name) => NodeProcess.start(name)));
    const both = [
      { service_name: 'web', discovery_type: 'file' },
      { service_name: 'web', discovery_type: 'consul' },
    ];
    const last = { nodes: { [`127.0.0.1:${nodes[2]!.port}`]: 1 }, priority: -1 };
    const headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0' },
      workers: 2,
      shutdown: { delay: 0, drain: 2 },
      ...settings,
      discovery: { consul: { servers: [consul] }, file: { path: directory }, ready_timeout: 1 },
      upstreams: [
        { id: 'web', sources: both },
        { id: 'standby', sources: [both[1], last] },
      ],
      routes: ROUTES,
    });
    await register(consul, nodes[0]!);
    await register(consul, nodes[1]!);
    const answers = async () => (await fetch(`http://127.0.0.1:${headgate.httpPort}/`)).status;
    while ((await answers()) !== 200) await pause(20);
    return new Migration(directory, consul, headgate, nodes);
  }

  /** Replaces the list of nodes in the directory. */
  async write(...lines: readonly string[]): Promise<void> {
    const text = lines.map((line) => this.#fill(line)).join('\n');
    await writeFile(join(this.#directory, '.web.yaml'), text);
    await rename(join(this.#directory, '.web.yaml'), join(this.#directory, 'web.yaml'));
  }

  async deregister(name: string): Promise<void> {
    const answer = await fetch(`${this.#consul}/v1/agent/service/deregister/${name}`, { method: 'PUT' });
    assert.equal(answer.status, 200);
  }

  /** Waits until the upstream has these nodes: name, weight and origin of each, in order of the name. */
  async untilNodes(...expected: readonly string[]): Promise<void> {
    const shown = async () => (await this.#upstream()).nodes.map((node) => this.#show(node)).sort();
    while ((await shown()).join() !== expected.join()) await pause(20);
    await this.#load.more(100);
  }

  /** Waits until the sources show these facts: type, state, number of nodes. */
  async untilSources(...expected: readonly string[]): Promise<UpstreamView> {
    const brief = ({ type, state, count }: NodeSourceView) => `${type} ${state} ${count}`;
    for (;;) {
      const view = await this.#upstream();
      if (view.sources.map(brief).join() === expected.join()) return view;
      await pause(20);
    }
  }

  /** Who answers for the upstream that has `c` as a fallback. */
  async standby(): Promise<ReadonlySet<string>> {
    const names = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(this.#url('/standby'))).text()),
    );
    return new Set(names);
  }

  /** Where `name` came from before and after it was taken over by another source, by the history. */
  async moves(name: string): Promise<readonly string[]> {
    const changes = await this.#headgate.admin<ChangeView[]>('/v1/upstreams/web/history');
    const changed = changes.flatMap((change) => change.changed).filter(({ to }) => to.node === this.#address(name));
    return changed.map(({ from, to }) => `${from.origin} → ${to.origin}`);
  }

  /** Ends it all; every request of the load must have been served. */
  async stop(): Promise<void> {
    const { requests, failures } = await this.#load.stop();
    await this.#headgate.stop();
    await Promise.all(this.#nodes.map((node) => node.kill()));
    await rm(this.#directory, { recursive: true });
    assert.deepEqual(failures, []);
    assert.ok(requests > 300);
  }

  async #upstream(): Promise<UpstreamView> {
    return this.#headgate.admin<UpstreamView>('/v1/upstreams/web');
  }

  #show({ port, weight, origin }: UpstreamView['nodes'][number]): string {
    return `${this.#nodes.find((node) => node.port === port)?.name} ${weight} ${origin}`;
  }

  #address(name: string): string {
    return `127.0.0.1:${this.#nodes.find((node) => node.name === name)?.port}`;
  }

  /** A `$a` in the text is the address of that node. */
  #fill(text: string): string {
    return text.replaceAll(/\$(\w)/g, (_, name: string) => this.#address(name));
  }

  #url(path: string): string {
    return `http://127.0.0.1:${this.#headgate.httpPort}${path}`;
  }
}

async function register(consul: string, node: NodeProcess): Promise<void> {
  const body = { ID: node.name, Name: 'web', Address: '127.0.0.1', Port: node.port };
  const answer = await fetch(`${consul}/v1/agent/service/register`, { method: 'PUT', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.text());
}
