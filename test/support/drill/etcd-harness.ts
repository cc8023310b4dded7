import { setTimeout as pause } from 'node:timers/promises';
import { EtcdServer } from '../etcd.ts';
import { type Dialect, type Distortion, HttpFaultProxy, type Json, type Question } from './http-fault-proxy.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Operations that etcd takes in one transaction. */
const BATCH = 128;
const SERVICE = 'drill';
const PREFIX = '/headgate/';

/** Ranges, and watches as streams of messages; both name the revision, and a watch goes on from one. */
class EtcdDialect implements Dialect {
  readonly expiry = JSON.stringify({ result: { header: {}, canceled: true, compact_revision: '1' } });
  #revision = 0;

  half(): number {
    return this.#revision >> 1;
  }

  ask({ path, body }: Question, shift: number): Question {
    const begin = /("start_revision":")(\d+)/;
    return { path, body: body.replace(begin, (_, name, revision) => name + (Number(revision) + shift)) };
  }

  atOnce({ path, body }: Question): Question {
    return { path, body: body.replace(/,"start_revision":"\d+"/, '') };
  }

  streams({ path }: Question): boolean {
    return path === '/v3/watch';
  }

  answer(_: Question, message: unknown, _fields: Record<string, string>, { part, shift }: Distortion): unknown {
    const whole = message as Json;
    const { header, kvs, events } = (whole.result ?? whole) as Json;
    this.#count(header as Json | undefined, 'revision', shift);
    for (const event of (events ?? []) as Json[]) this.#count(event.kv as Json, 'mod_revision', shift);
    return part !== null && Array.isArray(kvs) ? { ...whole, kvs: kvs.slice(0, part) } : message;
  }

  #count(place: Json | undefined, field: string, shift: number): void {
    const revision = Number(place?.[field]);
    if (!place || !(revision > 0)) return;
    this.#revision = Math.max(this.#revision, revision);
    place[field] = String(revision - shift);
  }
}

/** Nodes as keys in an etcd of one member. */
export class EtcdHarness implements RegistryHarness {
  readonly source = 'etcd';
  readonly service = SERVICE;
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = true;
  readonly proxy: HttpFaultProxy;
  readonly #etcd: EtcdServer;

  private constructor(etcd: EtcdServer, proxy: HttpFaultProxy) {
    this.#etcd = etcd;
    this.proxy = proxy;
  }

  static async start(binary: string): Promise<EtcdHarness> {
    const etcd = await EtcdServer.start(binary);
    return new EtcdHarness(etcd, await HttpFaultProxy.start(etcd.address, new EtcdDialect()));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    const address = behind === 'proxy' ? this.proxy.address : this.#etcd.address;
    return { etcd: { servers: [address], prefix: PREFIX } };
  }

  register(nodes: readonly DrillNode[]): Promise<void> {
    return this.#transact(nodes, (key) => ({ request_put: { key, value: base64('1') } }));
  }

  deregister(nodes: readonly DrillNode[]): Promise<void> {
    return this.#transact(nodes, (key) => ({ request_delete_range: { key } }));
  }

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async settle(): Promise<void> {}

  async shows(node: DrillNode, listed: boolean): Promise<void> {
    for (;;) {
      const { kvs } = await this.#etcd.call('/v3/kv/range', { key: keyOf(node) });
      if (Array.isArray(kvs) === listed) return;
      await pause(1);
    }
  }

  kill(): Promise<void> {
    return this.#etcd.kill();
  }

  restart(): Promise<void> {
    return this.#etcd.restartEmpty();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#etcd.stop();
  }

  async #transact(nodes: readonly DrillNode[], operation: (key: string) => Json): Promise<void> {
    for (let at = 0; at < nodes.length; at += BATCH) {
      await this.#etcd.call('/v3/kv/txn', {
        success: nodes.slice(at, at + BATCH).map((node) => operation(keyOf(node))),
      });
    }
  }
}

/** As etcd's gateway takes it. */
function keyOf({ host, port }: DrillNode): string {
  return base64(`${PREFIX}${SERVICE}/${host}:${port}`);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
