/**
 * Draws by mulberry32, which gives the same numbers for the same seed.
 * @param {number} seed a whole number
 */
export function draws(seed) {
  let state = seed;
  /** A number from 0 up to, but not including, 1. */
  const chance = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  /** A whole number from 0 up to, but not including, `n`. */
  const below = (n) => Math.floor(chance() * n);
  return { chance, below, oneOf: (list) => list[below(list.length)] };
}
