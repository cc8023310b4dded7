/**
 * What `chash` does to keys: `node bench/micro/hash.ts`. Compares its two orders with a full Maglev table of 65,537 slots:
 * the most that a node gets, and how many keys move when one leaves, relative to those that have to. Takes some seconds.
 */
import { mix32 } from '../../src/balancers/hash.ts';
import type { KeyOrder } from '../../src/balancers/key-order.ts';
import { Rendezvous } from '../../src/balancers/rendezvous.ts';
import { SlotTable } from '../../src/balancers/slot-table.ts';

const PRIME = 65_537;
const LEAVERS = 5;

/** Maglev as in the paper, without weights. */
function maglev(hashes: Uint32Array): Pick<KeyOrder, 'first'> {
  const table = new Int32Array(PRIME).fill(-1);
  const next = Float64Array.from(hashes, (hash) => hash % PRIME);
  const skips = Float64Array.from(hashes, (hash) => (mix32(hash ^ 0x5bd1e995) % (PRIME - 1)) + 1);
  for (let filled = 0; ; ) {
    for (let node = 0; node < hashes.length; node++) {
      while (table[next[node]!]! >= 0) next[node] = (next[node]! + skips[node]!) % PRIME;
      table[next[node]!] = node;
      if (++filled === PRIME) return { first: (key) => table[key % PRIME]! };
    }
  }
}

function slotTable(slots: number, perNode: number) {
  return (hashes: Uint32Array) =>
    new SlotTable(hashes, new Float64Array(hashes.length).fill(1), { from: 0, to: 1e9, slots, perNode, unit: 1 });
}

function rendezvous(hashes: Uint32Array) {
  return new Rendezvous(hashes, new Float64Array(hashes.length).fill(1));
}

function owners(order: Pick<KeyOrder, 'first'>, keys: number): Int32Array {
  return Int32Array.from({ length: keys }, (_, key) => order.first(mix32(key)));
}

const rows: Record<string, Record<string, string>> = {};

function compare(name: string, size: number, build: (hashes: Uint32Array) => Pick<KeyOrder, 'first'>): void {
  const hashes = Uint32Array.from({ length: size }, (_, index) => mix32(index + 1));
  const keys = Math.min(8_000_000, size * 20_000);
  build(hashes);
  const began = performance.now();
  const order = build(hashes);
  const took = performance.now() - began;
  const before = owners(order, keys);
  const counts = new Float64Array(size);
  for (const node of before) counts[node]! += 1;
  let moved = 0;
  let had = 0;
  for (let turn = 0; turn < LEAVERS; turn++) {
    const leaver = Math.floor((size * turn) / LEAVERS);
    const after = owners(build(hashes.filter((_, index) => index !== leaver)), keys);
    had += counts[leaver]!;
    for (let key = 0; key < keys; key++) {
      const node = after[key]! >= leaver ? after[key]! + 1 : after[key]!;
      if (node !== before[key]) moved += 1;
    }
  }
  rows[`${name}, ${size} nodes`] = {
    'peak / mean': (Math.max(...counts) / (keys / size)).toFixed(3),
    'least / mean': (Math.min(...counts) / (keys / size)).toFixed(3),
    'keys moved': `${(moved / had).toFixed(2)} of those that have to`,
    'build, ms': took.toFixed(2),
  };
}

compare('rendezvous', 10, rendezvous);
compare('rendezvous', 32, rendezvous);
for (const size of [10, 33, 100, 250]) compare('Maglev', size, maglev);
for (const size of [33, 100, 250]) compare('slot table', size, slotTable(2 ** 17, 64));
compare('Maglev', 1000, maglev);
compare('slot table', 1000, slotTable(2 ** 18, 16));
console.table(rows);
