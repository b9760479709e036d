import { expect, test } from "vitest";
import { ResizeMap } from "../src/segmenter/resize-map";
import { maskLogits } from "../src/segmenter/rough";

// mask_logits of the same mask in Python: OpenCV's area means and Gaussian blur.
const ROW_4 = [
  -4.349, -4.029, -3.075, -1.594, 0.108, 1.617, 2.646, 3.139, 3.155, 2.697, 1.709, 0.233, -1.46,
  -2.959, -3.94, -4.274,
];

test("a mask's logits are those of anymask.core.rough.mask_logits", () => {
  const [width, height] = [800, 600];
  const pixels = new Uint8Array(width * height);
  for (let y = 103; y < 407; y++) pixels.fill(1, y * width + 201, y * width + 603);
  const box = [201, 103, 603, 407] as const;
  const mask = { pixels, width, height, area: 304 * 402, box };
  const logits = maskLogits(mask, new ResizeMap([height, width], 64), 16);
  const row = [...logits.subarray(4 * 16, 5 * 16)];
  ROW_4.forEach((expected, i) => expect(row[i]).toBeCloseTo(expected, 1));
});
