// Masks that no model made as prompts: a drawn shape, an old annotation (anymask/core/rough.py, which
// says why).

import type { FullMask } from "./mask";
import type { ResizeMap } from "./resize-map";

const CERTAINTY = 5; // the logit well inside a mask, minus it outside
const BORDER_CELLS = 2; // standard deviation of the border's softness
const REACH = 8; // cells; beyond, the border has no weight

/** A mask of the image as low-resolution logits, side × side, over the model's whole square. */
export function maskLogits(
  mask: FullMask,
  map: ResizeMap,
  side: number,
): Float32Array<ArrayBuffer> {
  const soft = blurred(blurred(shares(mask, map, side), side), side); // rows, then columns
  return soft.map((share) => CERTAINTY * (2 * share - 1));
}

/** How much of each cell is mask, 0 to 1. */
function shares(mask: FullMask, map: ResizeMap, side: number): Float32Array<ArrayBuffer> {
  const { width, height, pixels, box } = mask;
  const [contentH, contentW] = map.contentHw;
  const cellsX = ((contentW / width) * side) / map.inputPx; // to a pixel of the image
  const cellsY = ((contentH / height) * side) / map.inputPx;
  const cells = new Float32Array(side * side);
  const row = new Float32Array(side);
  for (let y = box[1]; y < box[3]; y++) {
    row.fill(0);
    for (let x = box[0]; x < box[2]; x++) {
      if (pixels[y * width + x])
        spread(x * cellsX, (x + 1) * cellsX, (at, share) => (row[at] += share));
    }
    spread(y * cellsY, (y + 1) * cellsY, (at, share) => {
      for (let x = 0; x < side; x++) cells[at * side + x] += share * row[x];
    });
  }
  return cells;
}

/** Tell how much of the way from one place to another lies in each cell. */
function spread(from: number, to: number, tell: (cell: number, share: number) => void): void {
  for (let at = Math.floor(from); at < to; at++) {
    tell(at, Math.min(at + 1, to) - Math.max(at, from));
  }
}

/** Blur along rows and turn the square, so that the next blur goes along columns. */
function blurred(cells: Float32Array, side: number): Float32Array<ArrayBuffer> {
  const weights = Array.from({ length: 2 * REACH + 1 }, (_, i) =>
    Math.exp(-0.5 * ((i - REACH) / BORDER_CELLS) ** 2),
  );
  const sum = weights.reduce((a, b) => a + b);
  const turned = new Float32Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let total = 0;
      for (let i = -REACH; i <= REACH; i++) {
        total += weights[i + REACH] * cells[y * side + mirrored(x + i, side)];
      }
      turned[x * side + y] = total / sum;
    }
  }
  return turned;
}

/** Beyond an edge, what lies as far before it; the edge's own cell once. */
function mirrored(at: number, side: number): number {
  const last = side - 1;
  return at < 0 ? -at : at > last ? 2 * last - at : at;
}
