import assert from 'node:assert/strict';
import { ScriptedRegistry, type ScriptedRequest } from './scripted-registry.ts';

/** A question of the watch, and an answer that goes on. */
export class ScriptedWatch {
  readonly request: ScriptedRequest;
  #begun = false;

  constructor(request: ScriptedRequest) {
    assert.equal(request.parameters.get('watch'), '1');
    this.request = request;
  }

  get from(): string | null {
    return this.request.parameters.get('resourceVersion');
  }

  event(type: string, object: unknown): void {
    this.text(`${JSON.stringify({ type, object })}\n`);
  }

  bookmark(version: number): void {
    this.event('BOOKMARK', { kind: 'EndpointSlice', metadata: { resourceVersion: String(version) } });
  }

  /** Any bytes, such as half a line. */
  text(text: string): void {
    if (this.#begun) this.request.more(text);
    else this.request.begin(text, { 'content-type': 'application/json' });
    this.#begun = true;
  }

  end(): void {
    this.text('');
    this.request.finish();
  }
}

/** An API server whose every answer the test gives. */
export class ScriptedKubernetes {
  readonly registry: ScriptedRegistry;

  private constructor(registry: ScriptedRegistry) {
    this.registry = registry;
  }

  static async start(): Promise<ScriptedKubernetes> {
    return new ScriptedKubernetes(await ScriptedRegistry.start());
  }

  get port(): number {
    return Number(new URL(this.registry.address).port);
  }

  next(): Promise<ScriptedRequest> {
    return this.registry.requests.next();
  }

  /** Answers the next question, which must be for a list. */
  async list(
    items: readonly unknown[],
    version: number | string,
    more: string | null = null,
  ): Promise<ScriptedRequest> {
    const request = await this.next();
    assert.equal(request.parameters.get('watch'), null, 'a list is asked for');
    const metadata = { resourceVersion: String(version), ...(more !== null && { continue: more }) };
    request.raw(200, JSON.stringify({ kind: 'List', metadata, items }), { 'content-type': 'application/json' });
    return request;
  }

  async watch(): Promise<ScriptedWatch> {
    return new ScriptedWatch(await this.next());
  }

  close(): Promise<void> {
    return this.registry.close();
  }
}
