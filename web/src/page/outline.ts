// The border of a mask, between its pixels and the others.

import type { FullMask } from "../segmenter";

/**
 * The straight pieces of a mask's border: four numbers each, x0, y0, x1, y1, on pixel corners. The
 * edge of the image is border, too.
 */
export function borders(mask: FullMask): number[] {
  const { pixels, width, height, box } = mask;
  const [left, top, right, bottom] = box;
  const at = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height ? pixels[y * width + x] : 0;
  const pieces: number[] = [];
  for (let y = top; y <= bottom; y++) {
    let start = -1;
    for (let x = left; x <= right; x++) {
      const border = x < right && at(x, y) !== at(x, y - 1);
      if (border && start < 0) start = x;
      if (!border && start >= 0) {
        pieces.push(start, y, x, y);
        start = -1;
      }
    }
  }
  const starts = new Int32Array(right - left + 1).fill(-1); // of each line between two columns
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const border = y < bottom && at(x, y) !== at(x - 1, y);
      const start = starts[x - left];
      if (border && start < 0) starts[x - left] = y;
      if (!border && start >= 0) {
        pieces.push(x, start, x, y);
        starts[x - left] = -1;
      }
    }
  }
  return pieces;
}
