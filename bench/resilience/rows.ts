import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { binaries } from '../lib/binaries.ts';
import { NODE_PORTS } from './fleet.ts';
import { headgateRows } from './headgate.ts';
import { peerRows } from './peers.ts';
import { type Row, registryPort } from './row.ts';

const FIRST_PORT = 17_101;

/** Every row whose program is installed and whose name has one of the texts in `only`; and what is missing. */
export function prepareRows(directory: string, only: readonly string[]): { rows: Row[]; missing: string[] } {
  const rows: Row[] = [];
  const missing = new Set<string>();
  [...headgateRows, ...peerRows].forEach((maker, index) => {
    if (only.length > 0 && !only.some((text) => maker.name.includes(text))) return;
    const { name, program, how, experiments } = maker;
    const found = program === 'headgate' ? { path: process.execPath, version: process.version } : binaries[program]();
    if (!found) {
      missing.add(program);
      return;
    }
    const place = { folder: join(directory, `row-${index}`), port: FIRST_PORT + index, nodes: NODE_PORTS };
    mkdirSync(place.folder, { recursive: true });
    const registry = maker.registry ? registryPort(place.port) : null;
    const { port } = place;
    rows.push({
      name,
      version: found.version,
      how,
      experiments,
      registryPort: registry,
      port,
      command: maker.make(found.path, place),
    });
  });
  return { rows, missing: [...missing] };
}
