import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { binaries } from '../lib/binaries.ts';

export type ExperimentName = 'faults' | 'restart';

/** A proxy with one configuration: a row of the tables. */
export interface Row {
  /** Program and variant, such as `headgate ewma`. */
  readonly name: string;
  readonly version: string;
  /** How it was configured, in a sentence. */
  readonly how: string;
  readonly experiments: readonly ExperimentName[];
  /** Port of the registry that its nodes announce themselves to; null for fixed nodes. */
  readonly registryPort: number | null;
  readonly port: number;
  readonly command: readonly string[];
}

export interface Place {
  /** A folder for its files. */
  readonly folder: string;
  readonly port: number;
  readonly nodes: readonly number[];
}

export interface RowMaker {
  readonly name: string;
  readonly program: keyof typeof binaries | 'headgate';
  readonly how: string;
  readonly experiments: readonly ExperimentName[];
  readonly registry?: true;
  make(path: string, place: Place): readonly string[];
}

/** Writes `text` to a file of the place and returns its path. */
export function fileIn({ folder }: Place, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The port of the row's own admin listener and registry: out of the way of all that it proxies. */
export const adminPort = (port: number) => port + 100;
export const registryPort = (port: number) => port + 200;
