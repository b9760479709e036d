// Words of 32 bits, the lowest being the leftmost pixel.

/** How many bits are one. */
export function ones(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The place of the lowest one; the word has one. */
export function lowest(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Ones from one place to before another, 0 ≤ from < to ≤ 32. */
export function span(from: number, to: number): number {
  return ((to === 32 ? 0 : 1 << to) - 1) & (-1 << from);
}

/** The even bits, moved together into the lower half. */
export function evens(word: number): number {
  word &= 0x55555555;
  word = (word | (word >>> 1)) & 0x33333333;
  word = (word | (word >>> 2)) & 0x0f0f0f0f;
  word = (word | (word >>> 4)) & 0x00ff00ff;
  return (word | (word >>> 8)) & 0xffff;
}
