import type { Mask } from "../src/segmenter";

/** A mask from rows of # and dots. */
export function drawnMask(rows: readonly string[]): Mask {
  const [width, height] = [rows[0].length, rows.length];
  const pixels = Uint8Array.from(rows.join(""), (letter) => +(letter === "#"));
  const places = Array.from(pixels.keys()).filter((i) => pixels[i]);
  const [xs, ys] = [places.map((i) => i % width), places.map((i) => Math.floor(i / width))];
  const box = places.length
    ? ([Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1] as const)
    : ([0, 0, 0, 0] as const);
  const logits = new Float32Array(0);
  return { pixels, width, height, area: places.length, box, predictedIou: 0.75, logits };
}
