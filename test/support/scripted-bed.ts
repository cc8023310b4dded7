import assert from 'node:assert/strict';
import type { Closable } from '../../src/core/scope.ts';
import type { Discovery } from '../../src/discovery/types.ts';
import { AdapterBed } from './adapter-bed.ts';
import { ScriptedRegistry, type ScriptedRequest } from './scripted-registry.ts';

/** For an adapter that asks over HTTP. */
export class ScriptedBed<D extends Discovery & Closable> extends AdapterBed<ScriptedRegistry, D> {
  static async start<D extends Discovery & Closable>(): Promise<ScriptedBed<D>> {
    return new ScriptedBed<D>(await ScriptedRegistry.start());
  }

  question(): Promise<ScriptedRequest> {
    return this.server.requests.next();
  }

  /** The question that comes after so much time. */
  later(ms: number): Promise<ScriptedRequest> {
    return this.after(ms, this.question());
  }

  /** All watches end while the answer to a question is on its way: nobody is told anything, and nothing is left. */
  async endsSilently(question: ScriptedRequest): Promise<void> {
    this.abort.abort();
    await this.ended();
    await question.closed;
    assert.equal(this.sink.told.size, 0);
    assert.equal(this.clock.pending, 0);
  }
}

export function give(request: ScriptedRequest, body: unknown, headers: Record<string, string> = {}): void {
  request.raw(200, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}
