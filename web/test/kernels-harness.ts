// Kernels in a memory of their own, and what they should give, computed by the definition.

import { readFileSync } from "node:fs";
import { expect } from "vitest";

type Kernels = Record<string, (...numbers: number[]) => number>;
const START = 4096;
const SCRATCH = 32 * 65536;
export const COUNTER = 1024;
export const NONE = 0; // rows left out: there are zeros

/** Kernels on a memory of their own, and a place for numbers in it. */
export function kernels() {
  const bytes = readFileSync(new URL("../src/kernels/build/plain.wasm", import.meta.url));
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
  const module = new WebAssembly.Module(bytes);
  const run = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
  run["useScratch"](SCRATCH);
  let end = START;
  const place = (numbers: readonly number[] | number) => {
    const at = end;
    const count = typeof numbers === "number" ? numbers : numbers.length;
    end += Math.ceil(count / 16) * 64;
    if (typeof numbers !== "number") new Float32Array(memory.buffer, at, count).set(numbers);
    return at;
  };
  const read = (at: number, count: number) => [...new Float32Array(memory.buffer, at, count)];
  /** Run a step on a counter of its own, then as a thread that comes late: nothing is left to do. */
  const step = (name: string, ...numbers: number[]) => {
    const counter = place(16);
    run[name](counter, ...numbers);
    const known = () => Buffer.from(memory.buffer.slice(0, SCRATCH)).fill(0, counter, counter + 4);
    const before = known();
    run[name](counter, ...numbers);
    expect(known().equals(before), `${name} by two threads`).toBe(true);
  };
  /** Run a step as a thread that finds the first `parts` taken by others. */
  const late = (name: string, parts: number, ...numbers: number[]) => {
    const counter = place(16);
    new Int32Array(memory.buffer, counter, 1).fill(parts);
    run[name](counter, ...numbers);
  };
  return { run, step, late, place, read, zeros: place(new Array(4096).fill(0)) };
}

export const noise = (count: number, seed = 1) =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * i * 0.37 + seed * 11)));
export const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** (k, n) row by row, in panels of 8 columns. */
export const panels = (weight: readonly number[], k: number, n: number) =>
  range(n / 8).flatMap((p) =>
    range(k).flatMap((i) => range(8).map((j) => weight[i * n + p * 8 + j])),
  );

export const gelu = (x: number) => {
  const steps = 400; // of Simpson's rule, over the normal density up to x
  const weighed = range(steps + 1).map((i) => {
    const weight = i === 0 || i === steps ? 1 : i % 2 ? 4 : 2;
    return weight * Math.exp(-(((x * i) / steps) ** 2) / 2);
  });
  const area = (weighed.reduce((a, b) => a + b) * x) / steps / 3 / Math.sqrt(2 * Math.PI);
  return x * (0.5 + area);
};

export function product(
  x: number[],
  weight: number[],
  bias: number[],
  k: number,
  n: number,
): number[] {
  return range(x.length / k).flatMap((row) =>
    range(n).map((j) =>
      range(k).reduce((sum, i) => sum + x[row * k + i] * weight[i * n + j], bias[j]),
    ),
  );
}

export const normal = (x: number[], k: number, eps: number) =>
  range(x.length / k).flatMap((row) => {
    const own = x.slice(row * k, (row + 1) * k);
    const mean = own.reduce((a, b) => a + b) / k;
    const square = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / k;
    return own.map((value) => (value - mean) / Math.sqrt(square + eps));
  });

export function near(found: number[], expected: number[], tolerance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i])));
  expect(worst).toBeLessThan(tolerance);
}

export const total = (count: number, of: (i: number) => number) =>
  range(count).reduce((sum, i) => sum + of(i), 0);

export const added = (one: readonly number[], other: readonly number[]) =>
  one.map((value, i) => value + other[i]);

export function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Rows (n, k) in strips of four, [n / 4][k][4]; rows that lack to four are of sevens. */
export const strips = (rows: readonly number[], n: number, k: number) =>
  range(Math.ceil(n / 4)).flatMap((strip) =>
    range(k).flatMap((i) =>
      range(4).map((j) => (strip * 4 + j < n ? rows[(strip * 4 + j) * k + i] : 7)),
    ),
  );

/** Tokens (t, heads·d) in strips of each head. */
export const headStrips = (x: readonly number[], t: number, heads: number, d: number) =>
  range(heads).flatMap((head) => {
    const own = range(t).flatMap((i) =>
      x.slice((i * heads + head) * d, (i * heads + head + 1) * d),
    );
    return strips(own, t, d);
  });

/** Tokens (m, c) with rows up to a multiple of four, of sevens, as kernels want room for them. */
export const inFours = (x: readonly number[], c: number) => [
  ...x,
  ...new Array((Math.ceil(x.length / c / 4) * 4 - x.length / c) * c).fill(7),
];
