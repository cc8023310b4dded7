import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeRegistry, Fault, Flaw, Place } from './registry.ts';
import { writtenList } from './written-list.ts';

/** A directory with one file. What is written while it fails is there when it is mended. */
export class FileRegistry implements FakeRegistry {
  readonly service = 'web';
  readonly absence = null;
  readonly capacity = 10_000;
  readonly questions = 0;
  activity = 0;
  readonly #parent = mkdtempSync(join(tmpdir(), 'headgate-conformance-'));
  readonly #path = join(this.#parent, 'nodes');
  #content: string | null = null;
  #fault: Fault | null = null;

  constructor() {
    mkdirSync(this.#path);
  }

  get block() {
    return { file: { path: this.#path, interval: 1 } };
  }

  put(places: readonly Place[], flaw: Flaw | null = null): void {
    this.#content = writtenList(places, flaw);
    this.#write();
  }

  remove(): void {
    this.#content = null;
    this.#write();
  }

  async break(fault: Fault): Promise<void> {
    this.#fault = fault;
    const whole = this.#content ?? '[]';
    if (fault === 'garbage') this.#replace('<html>It works!</html>');
    else if (fault === 'truncated') this.#replace(whole.slice(0, Math.ceil(whole.length / 2)));
    else if (fault === 'blank') this.#replace('');
    else renameSync(this.#path, join(this.#parent, 'away'));
    if (fault === 'error') writeFileSync(this.#path, 'not a directory');
    this.activity += 1;
  }

  async mend(): Promise<void> {
    if (this.#fault === 'error') rmSync(this.#path);
    if (this.#fault === 'error' || this.#fault === 'refused') renameSync(join(this.#parent, 'away'), this.#path);
    this.#fault = null;
    this.#write();
  }

  async close(): Promise<void> {
    rmSync(this.#parent, { recursive: true, force: true });
  }

  #write(): void {
    if (this.#fault !== null) return;
    this.activity += 1;
    if (this.#content === null) rmSync(join(this.#path, 'web.json'), { force: true });
    else this.#replace(this.#content);
  }

  /** In one step, as whoever writes such files should. */
  #replace(content: string): void {
    writeFileSync(join(this.#path, 'web.json.new'), content);
    renameSync(join(this.#path, 'web.json.new'), join(this.#path, 'web.json'));
  }
}
