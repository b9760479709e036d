// Between regions and masks of a byte a pixel.

import type { FullMask } from "../segmenter";
import { Grid } from "./grid";
import type { Region } from "./region";

/** The region of the segmenter's mask. */
export function fromMask({ pixels, width, height, box }: FullMask): Region {
  const grid = new Grid({ width, height }, box);
  const { words, rowWords, firstWord, top, bottom } = grid;
  for (let y = top, i = 0; y < bottom; y++) {
    for (let column = firstWord; column < firstWord + rowWords; column++, i++) {
      const start = y * width + 32 * column;
      const count = Math.min(width - 32 * column, 32);
      let word = 0;
      for (let bit = 0; bit < count; bit++) word |= pixels[start + bit] << bit;
      words[i] = word;
    }
  }
  return grid.region();
}

/** A byte for each pixel of the image, row by row: 1 where the region is. */
export function toMask(region: Region): FullMask {
  const { width, height, box, area } = region;
  const pixels = new Uint8Array(width * height);
  const [left, top, right, bottom] = box;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      pixels[y * width + x] = (region.word(y, x >> 5) >>> (x & 31)) & 1;
    }
  }
  return { pixels, width, height, area, box };
}
