/** Source of randomness. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
}

export const systemRandom: Random = {
  next: Math.random,
  below: (n) => Math.floor(Math.random() * n),
};

/** A repeatable generator: mulberry32 (Tommy Ettinger, public domain), period 2³². */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n) };
}

/** `value` moved by up to ±`fraction` of itself. */
export function jittered(random: Random, value: number, fraction: number): number {
  return value * (1 + (random.next() * 2 - 1) * fraction);
}
