import type { DocumentInput } from '../../src/config/types.ts';
import { FaultyHttpServer, type HttpProtocol } from './http-server.ts';
import type { FakeRegistry, Fault, Flaw, Place } from './registry.ts';

/** What a registry that speaks HTTP has registered, in its own words. */
export interface HttpModel extends HttpProtocol {
  readonly service: string;
  block(url: URL): NonNullable<DocumentInput['discovery']>;
  /** Null when there is no such service. */
  put(places: readonly Place[] | null, flaw: Flaw | null): void;
  rewind?(places: readonly Place[]): void;
}

/** A registry that speaks HTTP. */
export class HttpRegistry implements FakeRegistry {
  readonly absence = null;
  readonly capacity = 10_000;
  readonly rewind?: (places: readonly Place[]) => void;
  readonly #model: HttpModel;
  readonly #server: FaultyHttpServer;

  private constructor(model: HttpModel) {
    this.#model = model;
    this.#server = new FaultyHttpServer(model);
    if (model.rewind) {
      this.rewind = (places) => {
        model.rewind?.(places);
        this.#server.changed(true);
      };
    }
  }

  static async start(model: HttpModel): Promise<HttpRegistry> {
    const registry = new HttpRegistry(model);
    await registry.#server.listen();
    return registry;
  }

  get block(): NonNullable<DocumentInput['discovery']> {
    return this.#model.block(new URL(this.#server.url));
  }

  get service(): string {
    return this.#model.service;
  }

  get activity(): number {
    return this.#server.activity;
  }

  get questions(): number {
    return this.#server.questions;
  }

  put(places: readonly Place[], flaw: Flaw | null = null): void {
    this.#model.put(places, flaw);
    this.#server.changed();
  }

  remove(): void {
    this.#model.put(null, null);
    this.#server.changed();
  }

  break(fault: Fault): Promise<void> {
    return this.#server.break(fault);
  }

  mend(): Promise<void> {
    return this.#server.mend();
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
