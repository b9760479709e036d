import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Upsampler } from "../src/segmenter/mask";
import { ResizeMap, type Resize } from "../src/segmenter/resize-map";
import { upsample } from "./upsample-reference";

const ROUNDING = 1e-5; // nearer than this to the threshold, either answer is right

/** Numbers that repeat, between -1 and 1. */
function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed / 2 ** 31;
  };
}

/** Blobs, as a decoder's answers are: a few waves, some noise. */
function blobs(side: number, seed: number, noise = 0.1): Float32Array {
  const next = random(seed);
  const [a, b, c] = [3 + 4 * next(), 3 + 4 * next(), next()];
  return Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [(i % side) / side, Math.floor(i / side) / side];
    return Math.sin(a * 3 * x) * Math.cos(b * 3 * y) + c / 2 + noise * next();
  });
}

function checkAgainstReference(logits: Float32Array, side: number, map: ResizeMap): void {
  const [height, width] = map.imageHw;
  const full = upsample(logits, side, map);
  const mask = new Upsampler(side, map).threshold(logits);
  expect([mask.width, mask.height, mask.pixels.length]).toEqual([width, height, full.length]);
  let [area, left, top, right, bottom] = [0, width, height, 0, 0];
  for (let i = 0; i < full.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    if (Math.abs(full[i]) > ROUNDING && mask.pixels[i] !== +(full[i] > 0)) {
      expect.fail(`pixel ${x},${y} is ${mask.pixels[i]}, its logit ${full[i]}`);
    }
    if (!mask.pixels[i]) continue;
    area++;
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  expect(mask.area).toBe(area);
  expect(mask.box).toEqual(area ? [left, top, right, bottom] : [0, 0, 0, 0]);
}

const SIZES: Record<string, [height: number, width: number]> = {
  landscape: [683, 1024],
  portrait: [600, 400],
  square: [512, 512],
  "larger than the input": [1200, 1800],
  "as large as the input": [1024, 1024],
  "one pixel": [1, 1],
  "one row": [1, 5000],
  "one column": [5000, 1],
  "smaller than the logits": [61, 97],
};

describe("a mask of the image equals the reference", () => {
  for (const [name, imageHw] of Object.entries(SIZES)) {
    it.each<Resize>(["longest_side", "stretch"])(`${name}, %s`, (resize) => {
      checkAgainstReference(blobs(256, 7), 256, new ResizeMap(imageHw, 1024, resize));
    });
  }

  it("for any size, any side and any noise", () => {
    const side = fc.integer({ min: 1, max: 24 });
    const length = fc.integer({ min: 1, max: 150 });
    const resize = fc.constantFrom<Resize>("longest_side", "stretch");
    const cases = fc.tuple(side, fc.integer({ min: 1, max: 5 }), length, length, resize);
    fc.assert(
      fc.property(cases, fc.integer(), ([side, px, height, width, resize], seed) => {
        const map = new ResizeMap([height, width], side * px, resize);
        checkAgainstReference(blobs(side, seed, 1), side, map);
      }),
    );
  });

  it("wherever a single pixel is object", () => {
    const spot = fc.integer({ min: 0, max: 15 });
    const length = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(spot, spot, length, length, (x, y, height, width) => {
        const logits = new Float32Array(256).fill(-1);
        logits[y * 16 + x] = 100; // reaches far into its neighbours
        checkAgainstReference(logits, 16, new ResizeMap([height, width], 64, "stretch"));
      }),
    );
  });

  it("where nothing or everything is object", () => {
    const sized = new Upsampler(16, new ResizeMap([30, 40], 64));
    expect(sized.threshold(new Float32Array(256).fill(-1)).area).toBe(0);
    expect(sized.threshold(new Float32Array(256)).area).toBe(0); // at the threshold is outside
    expect(sized.threshold(new Float32Array(256).fill(1)).box).toEqual([0, 0, 40, 30]);
  });

  it("where the object is only in what is filled below the image", () => {
    const logits = new Float32Array(256).fill(-1).fill(1, 200);
    const sized = new Upsampler(16, new ResizeMap([16, 64], 64));
    expect(sized.threshold(logits).area).toBe(0);
  });
});
