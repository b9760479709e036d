// COCO's compressed run lengths, as pycocotools writes them (anymask/core/rle.py).

import type { FullMask } from "../segmenter";

export interface Rle {
  /** Height, width. */
  readonly size: readonly [number, number];
  readonly counts: string;
}

export function encodeRle({ pixels, width, height }: FullMask): Rle {
  return { size: [height, width], counts: compress(runs(pixels, width, height)) };
}

/** The lengths of the runs, column by column, the first of what is outside of the mask. */
export function runs(pixels: Uint8Array, width: number, height: number): number[] {
  const lengths: number[] = [];
  let value = 0;
  let length = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0, i = x; y < height; y++, i += width) {
      if (pixels[i] !== value) {
        lengths.push(length);
        length = 0;
        value = pixels[i];
      }
      length++;
    }
  }
  lengths.push(length);
  return lengths;
}

/**
 * Runs as text: letters of 5 bits, lowest first, 32 added to all but the last of a number; from the
 * fourth number on the difference to the last but one (maskApi.c, rleToString).
 */
export function compress(lengths: readonly number[]): string {
  let text = "";
  lengths.forEach((length, i) => {
    let rest = i > 2 ? length - lengths[i - 2] : length;
    for (let more = true; more;) {
      const bits = rest & 31;
      rest >>= 5;
      more = rest !== (bits & 16 ? -1 : 0);
      text += String.fromCharCode(48 + bits + (more ? 32 : 0));
    }
  });
  return text;
}
