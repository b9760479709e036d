import { describe, expect, it } from "vitest";
import {
  added,
  gelu,
  inFours,
  kernels,
  near,
  noise,
  normal,
  panels,
  product,
  range,
  strips,
  total,
} from "./kernels-harness";

const MASKS = 4;
const PANEL_ROW = 32; // bytes
const RANKS = 17; // 16 channels of a mask, and ones

describe("kernels of masks", () => {
  it("embed one, by two convolutions", () => {
    const { step, place, read } = kernels();
    const [side, eps] = [8, 1e-2];
    const mask = noise(16 * side * side).map((value) => 5 * value);
    const layers = [
      { k: 4, n: 4, seed: 2 },
      { k: 16, n: 16, seed: 6 },
    ].map(({ k, n, seed }) => {
      const weight = noise(k * n, seed);
      const [bias, gain, shift] = [1, 2, 3].map((i) => noise(n, seed + i));
      return { k, n, weight, bias, gain, shift };
    });
    const by = layers.flatMap(({ weight, bias, gain, shift }) =>
      [weight, bias, gain, shift].map((numbers) => place(numbers)),
    );
    const out = place(RANKS * side * side);
    step("embedMask", place(mask), side, eps, ...by, out);
    let [map, width, channels] = [mask, 4 * side, 1]; // (width, width, channels)
    for (const { k, n, weight, bias, gain, shift } of layers) {
      const next = width / 2;
      const windows = range(next * next).flatMap((at) =>
        range(4).flatMap((i) => {
          const y = 2 * Math.floor(at / next) + (i >> 1);
          const x = 2 * (at % next) + (i & 1);
          return map.slice((y * width + x) * channels, (y * width + x + 1) * channels);
        }),
      );
      const plain = normal(product(windows, weight, bias, k, n), n, eps);
      map = plain.map((value, i) => gelu(value * gain[i % n] + shift[i % n]));
      [width, channels] = [next, n];
    }
    const length = side * side;
    const rows = range(RANKS * length).map((at) => {
      const [i, position] = [Math.floor(at / length), at % length];
      return i < channels ? map[position * channels + i] : 1;
    });
    near(read(out, RANKS * length), panels(rows, RANKS, length), 2e-5);
  });

  it("add one to sums of squares", () => {
    const { step, place, read } = kernels();
    const [length, height, first] = [64, 20, 2];
    const [mask, image] = [noise(RANKS * length), noise(height * length, 2)];
    const [among, before] = [noise(20 * RANKS, 3), noise(length, 4)];
    const out = place(length);
    const own = place(panels(image, height, length)) + first * PANEL_ROW;
    const by = [place(strips(among, 20, RANKS)), place(before)];
    step("maskSquares", place(panels(mask, RANKS, length)), length, own, height, ...by, out);
    const expected = range(length).map(
      (at) =>
        before[at] +
        total(RANKS, (i) => {
          const rows = total(RANKS, (j) => among[i * RANKS + j] * mask[j * length + at]);
          return mask[i * length + at] * (2 * image[(first + i) * length + at] + rows);
        }),
    );
    near(read(out, length), expected, 2e-5);
  });

  it("pack what masks are asked by", () => {
    const { step, place, read } = kernels();
    const n = 8;
    const hyper = noise(MASKS * n);
    const out = place(MASKS * n);
    step("packMasks", place(hyper), n, out);
    expect(read(out, MASKS * n)).toEqual(strips(hyper, MASKS, n));
  });

  it("upscale sums of rows to logits, in turn where they lie in the map", () => {
    const { step, place, read } = kernels();
    const [side, c, count, eps] = [8, 8, 5, 1e-3];
    const [length, channels, half] = [side * side, 4 * c, c / 2];
    const [own, rows] = [noise(length * channels), noise(count * channels, 2)];
    const [steps, hyper] = [noise(count * length, 4), noise(MASKS * half, 3)];
    const [gain, shift, bias] = [noise(c, 5), noise(c, 6), noise(half, 8)];
    const weight = noise(c * 4 * half, 7);
    const deviations = noise(length, 9).map((value) => Math.fround(value + 1.5));
    const turned = range(4 * half).flatMap((j) => range(c).map((i) => weight[i * 4 * half + j]));
    const sums = [place(own), place(panels(steps, count, length)), count];
    const more = [place(panels(rows, count, channels)), place(deviations)];
    const by = [gain, shift, strips(turned, 4 * half, c), bias, strips(hyper, MASKS, half)];
    const out = place(MASKS * 16 * length);
    step("upscale", side, c, eps, ...sums, ...more, ...by.map((numbers) => place(numbers)), out);
    const expected = new Array<number>(MASKS * 16 * length);
    for (const at of range(length)) {
      const all = range(channels).map(
        (j) =>
          own[at * channels + j] +
          total(count, (i) => steps[i * length + at] * rows[i * channels + j]),
      );
      for (const first of range(4)) {
        const row = all.slice(first * c, (first + 1) * c);
        const square = total(c, (i) => row[i] ** 2) / c + eps * deviations[at] ** 2;
        const active = row.map((x, i) => gelu((x / Math.sqrt(square)) * gain[i] + shift[i]));
        for (const second of range(4)) {
          const seen = range(half).map((j) =>
            gelu(bias[j] + total(c, (i) => active[i] * weight[i * 4 * half + second * half + j])),
          );
          const y = 4 * Math.floor(at / side) + 2 * (first >> 1) + (second >> 1);
          const x = 4 * (at % side) + 2 * (first & 1) + (second & 1);
          for (const mask of range(MASKS)) {
            const logit = total(half, (i) => seen[i] * hyper[mask * half + i]);
            expected[(mask * 4 * side + y) * 4 * side + x] = logit;
          }
        }
      }
    }
    near(read(out, expected.length), expected, 5e-5);
  });
});

describe("kernels of a second look", () => {
  it("add up what masks cover, of 64 positions at a time", () => {
    const { step, place, read } = kernels();
    const [side, n] = [16, 16];
    const length = side * side;
    const logits = noise(MASKS * 16 * length).map((value) => 8 * value);
    const seen = noise(length * n, 2);
    const out = place((length / 64) * MASKS * (n + 8));
    step("cover", place(logits), side, place(panels(seen, length, n)), n, out);
    const covered = (mask: number, at: number) =>
      total(16, (i) => {
        const y = 4 * Math.floor(at / side) + (i >> 2);
        const x = 4 * (at % side) + (i & 3);
        return 1 / (1 + Math.exp(-logits[(mask * 4 * side + y) * 4 * side + x]));
      }) / 16;
    const expected = range(length / 64).flatMap((part) =>
      range(MASKS).flatMap((mask) => {
        const shares = range(64).map((i) => covered(mask, part * 64 + i));
        const sums = range(n).map((j) =>
          total(64, (i) => shares[i] * seen[(part * 64 + i) * n + j]),
        );
        return [...sums, ...new Array(8).fill(total(64, (i) => shares[i]))];
      }),
    );
    near(read(out, expected.length), expected);
  });

  it("compare the masks of an ambiguous click", () => {
    const { step, place, read } = kernels();
    const [parts, n] = [3, 8];
    const found = noise(parts * MASKS * (n + 8)).map((value) => Math.abs(value) + 0.5);
    const [iou, weight] = [noise(MASKS, 2), noise(8 * n, 3)];
    const [tokens, click, which] = [noise(3 * n, 4), noise(n, 5), noise(3 * n, 6)];
    const out = place(3 * 2 * n);
    const by = [iou, weight, inFours(tokens, n), click, which].map((numbers) => place(numbers));
    step("compare", place(found), parts, n, ...by, out);
    const seen = (mask: number, j: number) =>
      total(parts, (part) => found[(part * MASKS + mask) * (n + 8) + j]);
    const hidden = range(3).map((mask) => {
      const covered = range(n).map((j) => seen(mask + 1, j) / (seen(mask + 1, n) + 1e-3));
      const own = iou[mask + 1];
      const ious = [...iou, ...range(3).map((other) => own - iou[other + 1]), own];
      const all = [
        product(ious, weight, click, 8, n),
        tokens.slice(mask * n, (mask + 1) * n),
        which.slice(mask * n, (mask + 1) * n),
      ];
      return all.reduce(added, covered).map(gelu);
    });
    const expected = hidden.flatMap((row, mask) => {
      const [one, other] = hidden.filter((_, i) => i !== mask);
      return [...row, ...added(one, other).map((value) => value / 2)];
    });
    near(read(out, expected.length), expected);
  });

  it("correct the IoUs of those, and leave the clear prompt's", () => {
    const { step, place, read } = kernels();
    const n = 8;
    const [x, weight, iou] = [noise(3 * n), noise(n, 2), noise(MASKS, 3)];
    const at = place(iou);
    step("correct", place(x), n, place(weight), place([0.25]), at);
    const more = product(x, weight, [0.25], n, 1);
    near(read(at, MASKS), added(iou, [0, ...more]));
  });
});
