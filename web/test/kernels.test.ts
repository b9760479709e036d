import { describe, it } from "vitest";
import { pairBiases } from "../src/segmenter/tiny-vit/plan";
import {
  COUNTER,
  gelu,
  kernels,
  near,
  noise,
  NONE,
  normal,
  panels,
  product,
  range,
} from "./kernels-harness";

/** A 3×3 window's numbers around a place, zeros beyond the map. */
const around = (map: number[], h: number, w: number, c: number, y: number, x: number) =>
  range(9).flatMap((i) => {
    const [row, column] = [y + Math.floor(i / 3) - 1, x + (i % 3) - 1];
    const inside = row >= 0 && row < h && column >= 0 && column < w;
    return range(c).map((j) => (inside ? map[(row * w + column) * c + j] : 0));
  });

describe("kernels of the encoder", () => {
  it("multiply rows, a part of a strip included, and add", () => {
    const { run, place, read } = kernels();
    const [m, k, n] = [76, 12, 16];
    const [x, weight, bias, before] = [noise(m * k), noise(k * n, 2), noise(n, 3), noise(m * n, 4)];
    const out = place(before);
    const at = [place(x), m, k, 0, place(panels(weight, k, n)), place(bias), n];
    run["dense"](COUNTER, ...at, 0, 1, out, NONE);
    const plain = product(x, weight, bias, k, n);
    near(
      read(out, m * n),
      plain.map((value, i) => value + before[i]),
    );
  });

  it("normalise rows before, and take GELU after", () => {
    const { run, place, read } = kernels();
    const [m, k, n] = [8, 16, 8];
    const x = noise(m * k).map((value) => 3 * value + 2);
    const [weight, bias, out] = [
      noise(k * n, 2).map((value) => 2 * value),
      noise(n, 3),
      place(m * n),
    ];
    const at = [place(x), m, k, 1e-5, place(panels(weight, k, n)), place(bias), n];
    run["dense"](COUNTER, ...at, 1, 0, out, NONE);
    near(read(out, m * n), product(normal(x, k, 1e-5), weight, bias, k, n).map(gelu), 2e-5);
  });

  it("take GELU of any number to 3e-6", () => {
    const { run, place, read } = kernels();
    const x = range(256).map((i) => (i - 128) / 16);
    const out = place(64 * 8);
    // The first column of a weight that is one number.
    const weight = panels(
      range(32).map((i) => +(i % 8 === 0 && i < 8)),
      4,
      8,
    );
    const rows = x.flatMap((value) => [value, 0, 0, 0]);
    for (let part = 0; part < 4; part++) {
      const at = place(rows.slice(part * 256, (part + 1) * 256));
      run["dense"](place([0]), at, 64, 4, 0, place(weight), 0, 8, 1, 0, out, NONE);
      const found = read(out, 64 * 8).filter((_, i) => i % 8 === 0);
      near(found, x.slice(part * 64, (part + 1) * 64).map(gelu), 3e-6);
    }
  });

  it.each([
    [3, 2],
    [8, 1],
  ])("convolve %i channels by steps of %i", (c, stride) => {
    const { run, place, read, zeros } = kernels();
    const [h, w, n] = [8, 16, 8];
    const k = Math.ceil((9 * c) / 4) * 4;
    const [map, weight, bias] = [noise(h * w * c), noise(9 * c * n, 2), noise(n, 3)];
    const padded = [...weight, ...new Array((k - 9 * c) * n).fill(7)]; // by what must be zeros
    const out = place((h / stride) * (w / stride) * n);
    const by = [place(panels(padded, k, n)), place(bias), n];
    run["convolution"](COUNTER, place(map), h, w, c, stride, ...by, 0, zeros, out, NONE);
    const windows = range(h / stride).flatMap((y) =>
      range(w / stride).flatMap((x) => around(map, h, w, c, y * stride, x * stride)),
    );
    const expected = product(windows, weight, bias, 9 * c, n);
    near(read(out, expected.length), expected);
  });

  it.each([1, 2])("convolve each channel by itself, by steps of %i", (stride) => {
    const { run, place, read, zeros } = kernels();
    const [h, w, c] = [8, 28, 8];
    const [map, weight, bias] = [noise(h * w * c), noise(9 * c, 2), noise(c, 3)];
    const out = place((h / stride) * (w / stride) * c);
    const by = [place(weight), place(bias), 0, zeros, out, NONE];
    run["depthwise"](COUNTER, place(map), h, w, c, stride, ...by);
    const expected = range(h / stride).flatMap((y) =>
      range(w / stride).flatMap((x) => {
        const window = around(map, h, w, c, y * stride, x * stride);
        return range(c).map((j) =>
          range(9).reduce((sum, i) => sum + window[i * c + j] * weight[i * c + j], bias[j]),
        );
      }),
    );
    near(read(out, expected.length), expected);
  });

  it("attend in windows that end beyond the map", () => {
    const { run, place, read } = kernels();
    const [h, w, heads, d, side] = [4, 4, 2, 4, 3];
    const [c, n] = [heads * d, side * side];
    const [qkv, fill, offsets] = [noise(h * w * 3 * c), noise(3 * c, 2), noise(heads * n, 3)];
    const out = place(h * w * c);
    const bias = place([...pairBiases(Float32Array.from(offsets), heads, side)]);
    run["attention"](COUNTER, place(qkv), h, w, c, heads, side, place(fill), bias, out, NONE);
    const token = (y: number, x: number) =>
      y < h && x < w ? qkv.slice((y * w + x) * 3 * c, (y * w + x + 1) * 3 * c) : fill;
    const expected = range(h * w).flatMap((i) => {
      const [y, x] = [Math.floor(i / w), i % w];
      const [top, left] = [y - (y % side), x - (x % side)];
      return range(heads).flatMap((head) => {
        const at = 3 * d * head;
        const keys = range(n).map((j) => [top + Math.floor(j / side), left + (j % side)]);
        const powers = keys.map(([ky, kx]) => {
          const dot = range(d).reduce(
            (sum, j) => sum + token(y, x)[at + j] * token(ky, kx)[at + d + j],
            0,
          );
          return Math.exp(dot + offsets[head * n + Math.abs(y - ky) * side + Math.abs(x - kx)]);
        });
        const total = powers.reduce((a, b) => a + b);
        return range(d).map(
          (j) =>
            keys.reduce((sum, [ky, kx], i) => sum + powers[i] * token(ky, kx)[at + 2 * d + j], 0) /
            total,
        );
      });
    });
    near(read(out, expected.length), expected);
  });
});
