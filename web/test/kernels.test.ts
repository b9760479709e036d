import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pairBiases } from "../src/segmenter/tiny-vit/plan";

type Kernels = Record<string, (...numbers: number[]) => number>;
const START = 4096;
const COUNTER = 1024;
const NONE = 0; // rows left out: there are zeros

/** Kernels on a memory of their own, and a place for numbers in it. */
function kernels() {
  const bytes = readFileSync(new URL("../src/kernels/build/plain.wasm", import.meta.url));
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
  const module = new WebAssembly.Module(bytes);
  const run = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
  run["useScratch"](32 * 65536);
  let end = START;
  const place = (numbers: readonly number[] | number) => {
    const at = end;
    const count = typeof numbers === "number" ? numbers : numbers.length;
    end += Math.ceil(count / 16) * 64;
    if (typeof numbers !== "number") new Float32Array(memory.buffer, at, count).set(numbers);
    return at;
  };
  const read = (at: number, count: number) => [...new Float32Array(memory.buffer, at, count)];
  const whole = (at: number, numbers: readonly number[]) =>
    new Int32Array(memory.buffer, at, numbers.length).set(numbers);
  return { run, place, read, whole, zeros: place(new Array(4096).fill(0)) };
}

const noise = (count: number, seed = 1) =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * i * 0.37 + seed * 11)));
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** (k, n) row by row, in panels of 8 columns. */
const panels = (weight: readonly number[], k: number, n: number) =>
  range(n / 8).flatMap((p) =>
    range(k).flatMap((i) => range(8).map((j) => weight[i * n + p * 8 + j])),
  );

const gelu = (x: number) => {
  const steps = 2000; // of Simpson's rule, over the normal density up to x
  const weighed = range(steps + 1).map((i) => {
    const weight = i === 0 || i === steps ? 1 : i % 2 ? 4 : 2;
    return weight * Math.exp(-(((x * i) / steps) ** 2) / 2);
  });
  const area = (weighed.reduce((a, b) => a + b) * x) / steps / 3 / Math.sqrt(2 * Math.PI);
  return x * (0.5 + area);
};

function product(x: number[], weight: number[], bias: number[], k: number, n: number): number[] {
  return range(x.length / k).flatMap((row) =>
    range(n).map((j) =>
      range(k).reduce((sum, i) => sum + x[row * k + i] * weight[i * n + j], bias[j]),
    ),
  );
}

const normal = (x: number[], k: number, eps: number) =>
  range(x.length / k).flatMap((row) => {
    const own = x.slice(row * k, (row + 1) * k);
    const mean = own.reduce((a, b) => a + b) / k;
    const square = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / k;
    return own.map((value) => (value - mean) / Math.sqrt(square + eps));
  });

/** A 3×3 window's numbers around a place, zeros beyond the map. */
const around = (map: number[], h: number, w: number, c: number, y: number, x: number) =>
  range(9).flatMap((i) => {
    const [row, column] = [y + Math.floor(i / 3) - 1, x + (i % 3) - 1];
    const inside = row >= 0 && row < h && column >= 0 && column < w;
    return range(c).map((j) => (inside ? map[(row * w + column) * c + j] : 0));
  });

function near(found: number[], expected: number[], tolerance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i])));
  expect(worst).toBeLessThan(tolerance);
}

describe("kernels", () => {
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

  it("upscale sums of rows to logits, in turn where they lie in the map", () => {
    const { run, place, read, whole } = kernels();
    const [side, c, k, eps] = [4, 8, 5, 1e-3];
    const [length, channels, half] = [side * side, 4 * c, c / 2];
    const [own, rows, hyper] = [
      noise(length * channels),
      noise(k * channels, 2),
      noise(4 * half, 3),
    ];
    const steps = noise(k * length, 4);
    const [gain, shift, weight, bias] = [
      noise(c, 5),
      noise(c, 6),
      noise(c * 4 * half, 7),
      noise(half, 8),
    ];
    const packed = panels(rows, k, channels);
    const told = place([...packed, ...steps, ...steps]);
    const asked = place(2);
    const strips = range(half).flatMap((strip) =>
      range(c).flatMap((i) => range(4).map((j) => weight[i * 4 * half + strip * 4 + j])),
    );
    const turned = range(half).flatMap((i) => range(4).map((mask) => hyper[mask * half + i]));
    const out = place(4 * 16 * length);
    whole(asked, [k, told]);
    const by = [gain, shift, strips, bias, turned].map((numbers) => place(numbers));
    run["upscale"](COUNTER, side, c, eps, asked, place(own), ...by, out);
    const expected = new Array<number>(4 * 16 * length);
    for (let at = 0; at < length; at++) {
      const all = range(channels).map((j) =>
        range(k).reduce(
          (sum, i) => sum + steps[i * length + at] * rows[i * channels + j],
          own[at * channels + j],
        ),
      );
      const deviation = steps[(k - 1) * length + at];
      for (let first = 0; first < 4; first++) {
        const row = all.slice(first * c, (first + 1) * c);
        const square = row.reduce((sum, x) => sum + x * x, 0) / c + eps * deviation ** 2;
        const active = row.map((x, i) => gelu((x / Math.sqrt(square)) * gain[i] + shift[i]));
        for (let second = 0; second < 4; second++) {
          const seen = range(half).map((j) =>
            gelu(
              active.reduce(
                (sum, x, i) => sum + x * weight[i * 4 * half + second * half + j],
                bias[j],
              ),
            ),
          );
          const y = 4 * Math.floor(at / side) + 2 * (first >> 1) + (second >> 1);
          const x = 4 * (at % side) + 2 * (first & 1) + (second & 1);
          for (let mask = 0; mask < 4; mask++) {
            expected[(mask * 4 * side + y) * 4 * side + x] = seen.reduce(
              (sum, value, i) => sum + value * hyper[mask * half + i],
              0,
            );
          }
        }
      }
    }
    near(read(out, expected.length), expected, 5e-5);
  });
});
