// Regions of smaller copies of an image.

import { evens } from "./bits";
import { Grid } from "./grid";
import type { Region } from "./region";

/** At half the size, rounded up: a pixel is in it if any of its four is, so that nothing vanishes. */
export function halved(region: Region): Region {
  const image = { width: (region.width + 1) >> 1, height: (region.height + 1) >> 1 };
  const [left, top, right, bottom] = region.box;
  const half = new Grid(image, [left >> 1, top >> 1, (right + 1) >> 1, (bottom + 1) >> 1]);
  const { words, rowWords } = half;
  for (let y = top; y < bottom; y++) {
    const row = ((y >> 1) - half.top) * rowWords;
    for (let i = 0; i < rowWords; i++) {
      const column = 2 * (half.firstWord + i);
      words[row + i] |= pairs(region.word(y, column)) | (pairs(region.word(y, column + 1)) << 16);
    }
  }
  return half.region();
}

/** Sixteen bits: whether either of two is one. */
function pairs(word: number): number {
  return evens(word | (word >>> 1));
}
