// The two steps of anymask/core/masks.py written out, one pixel after the other.

import type { ResizeMap } from "../src/segmenter/resize-map";

interface Grid {
  values: ArrayLike<number>;
  width: number;
  height: number;
}

/** Bilinear, pixel centres at halves, edges repeated. */
function resized(from: Grid, width: number, height: number): Grid {
  const values = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    const v = Math.min(Math.max(((y + 0.5) * from.height) / height - 0.5, 0), from.height - 1);
    for (let x = 0; x < width; x++) {
      const u = Math.min(Math.max(((x + 0.5) * from.width) / width - 0.5, 0), from.width - 1);
      values[y * width + x] = sampled(from, u, v);
    }
  }
  return { values, width, height };
}

function sampled({ values, width, height }: Grid, u: number, v: number): number {
  const [x0, y0] = [Math.floor(u), Math.floor(v)];
  const [x1, y1] = [Math.min(x0 + 1, width - 1), Math.min(y0 + 1, height - 1)];
  const [s, t] = [u - x0, v - y0];
  const upper = (1 - s) * values[y0 * width + x0] + s * values[y0 * width + x1];
  const lower = (1 - s) * values[y1 * width + x0] + s * values[y1 * width + x1];
  return (1 - t) * upper + t * lower;
}

function cropped(from: Grid, width: number, height: number): Grid {
  const values = new Float64Array(width * height);
  for (let i = 0; i < values.length; i++) {
    values[i] = from.values[Math.floor(i / width) * from.width + (i % width)];
  }
  return { values, width, height };
}

/** The logits of the image. */
export function upsample(logits: Float32Array, side: number, map: ResizeMap): ArrayLike<number> {
  const [contentH, contentW] = map.contentHw;
  const [height, width] = map.imageHw;
  const low = { values: logits, width: side, height: side };
  const square = resized(low, map.inputPx, map.inputPx);
  return resized(cropped(square, contentW, contentH), width, height).values;
}
