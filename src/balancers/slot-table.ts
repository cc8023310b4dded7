import { GOLDEN, mix32 } from './hash.ts';
import type { Gate, KeyOrder } from './key-order.ts';
import { Rendezvous } from './rendezvous.ts';
import type { SlotLayout } from './slot-layout.ts';

/** Slots of a key that are looked at; a key that finds no node in them, which is next to impossible, is looked up by rendezvous. */
const MAX_PROBES = 1024;
/** The longest set whose indices, with one bit for a mark, fit 16 bits. */
const NARROW = 0x7ffe;
const PART = 2 ** 16;

/**
 * A slot table for large sets: Maglev (Eisenbud et al. 2016) with most slots left empty.
 *
 * As in Maglev each node has its own order of all slots and takes the first ones, a number after its weight. Slots that
 * several nodes ask for go to the one with the highest hash of node and slot, whatever the order of asking (a stable
 * matching). A key looks at slots of its own order until one is taken.
 *
 * Maglev fills every slot, so that a node that leaves lets others into their better slots and nearly as many keys again
 * move among the others. With a table up to 1/8 full that is under a tenth, and shares stay as exact.
 */
export class SlotTable implements KeyOrder {
  /** Index of the node + 1, with `#mark` for a slot that is the node's in part; 0 for none. */
  readonly #owners: Uint16Array | Uint32Array;
  readonly #mark: number;
  readonly #mask: number;
  /** Of the marked slot of each node: in how many of 65,536 cases it counts. */
  readonly #parts: Uint32Array;
  readonly #rendezvous: Rendezvous;

  constructor(hashes: Uint32Array, weights: Float64Array, layout: SlotLayout) {
    const narrow = hashes.length <= NARROW;
    this.#owners = narrow ? new Uint16Array(layout.slots) : new Uint32Array(layout.slots);
    this.#mark = narrow ? 2 ** 15 : 2 ** 30;
    this.#mask = layout.slots - 1;
    this.#rendezvous = new Rendezvous(hashes, weights);
    const wanted = weights.map((weight) => (weight * layout.perNode) / layout.unit);
    this.#parts = Uint32Array.from(wanted, (slots) => Math.max(1, Math.round((slots - Math.ceil(slots) + 1) * PART)));
    const last = this.#share(hashes, Uint32Array.from(wanted, Math.ceil));
    for (let index = 0; index < last.length; index++) {
      if (this.#parts[index]! < PART) this.#owners[last[index]!] = this.#mark | (index + 1);
    }
  }

  first(key: number): number {
    const owners = this.#owners;
    const mask = this.#mask;
    const step = stepOf(key);
    let at = key;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const owner = owners[(at >>> 8) & mask]!;
      if (owner !== 0) {
        if ((owner & this.#mark) === 0) return owner - 1;
        const index = (owner ^ this.#mark) - 1;
        if (this.#counts(index, at)) return index;
      }
      at = (at + step) | 0;
    }
    return this.#rendezvous.first(key);
  }

  firstOf(key: number, gate: Gate): number {
    const step = stepOf(key);
    let at = key;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const owner = this.#owners[(at >>> 8) & this.#mask]!;
      if (owner !== 0) {
        const index = (owner & ~this.#mark) - 1;
        if (((owner & this.#mark) === 0 || this.#counts(index, at)) && gate.admits(index)) return index;
      }
      at = (at + step) | 0;
    }
    return this.#rendezvous.firstOf(key, gate);
  }

  #counts(index: number, at: number): boolean {
    return dice(at) < this.#parts[index]!;
  }

  /** Gives each node `wanted` slots. Returns the one of each that comes last in its order. */
  #share(hashes: Uint32Array, wanted: Uint32Array): Uint32Array {
    const owners = this.#owners;
    const asked = new Uint32Array(hashes.length);
    const last = new Uint32Array(hashes.length);
    const losers: number[] = [];
    for (let index = 0; index < hashes.length; index++) {
      let node = index;
      for (;;) {
        while (wanted[node]! > 0) {
          const slot = mix32(hashes[node]! + Math.imul(asked[node]!, GOLDEN)) & this.#mask;
          asked[node]! += 1;
          const owner = owners[slot]! - 1;
          if (owner >= 0 && (owner === node || claim(hashes[owner]!, slot) > claim(hashes[node]!, slot))) continue;
          owners[slot] = node + 1;
          wanted[node]! -= 1;
          last[node] = slot;
          if (owner < 0) continue;
          if (wanted[owner] === 0) losers.push(owner);
          wanted[owner]! += 1;
        }
        const next = losers.pop();
        if (next === undefined) break;
        node = next;
      }
    }
    return last;
  }
}

/** How strong a node's claim to a slot is; never the same for two nodes. */
function claim(hash: number, slot: number): number {
  return mix32(hash ^ Math.imul(slot + 1, 0x85ebca77));
}

/** In [0, 65536), for one look at one slot. */
function dice(at: number): number {
  const mixed = Math.imul(at ^ (at >>> 15), 0x2c1b3c6d);
  return Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) >>> 16;
}

/** From one slot of a key's order to the next; odd, so that the order has all slots. */
function stepOf(key: number): number {
  const mixed = Math.imul(key ^ (key >>> 16), 0x7feb352d);
  return (mixed ^ (mixed >>> 15)) | 1;
}
