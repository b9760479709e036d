import { describe, expect, it } from "vitest";
import {
  added,
  gelu,
  headStrips,
  inFours,
  kernels,
  near,
  noise,
  normal,
  panels,
  product,
  range,
  softmax,
  strips,
  total,
} from "./kernels-harness";

const FOLLOWS: [string, number, (x: number) => number][] = [
  ["nothing", 0, (x) => x],
  ["ReLU", 1, (x) => Math.max(x, 0)],
  ["GELU", 2, gelu],
];
const [HEADS, D] = [2, 8];
const INNER = HEADS * D;
const COUNTS = [3, 5]; // of tokens: no multiple of four, so that heads' strips overlap

describe("kernels of tokens", () => {
  it.each(FOLLOWS)("multiply few rows, after which comes %s", (_, follows, then) => {
    const { step, place, read } = kernels();
    const [m, k, n] = [5, 12, 72];
    const [x, plus, weight, bias] = [noise(m * k), noise(m * k, 2), noise(k * n, 3), noise(n, 4)];
    const by = [place(panels(weight, k, n)), place(bias), n, follows];
    const [from, more] = [x, plus].map((rows) => place(inFours(rows, k)));
    const [one, other] = [place(8 * n), place(8 * n)];
    step("linear", from, more, m, k, ...by, one);
    near(read(one, m * n), product(added(x, plus), weight, bias, k, n).map(then));
    step("linear", from, 0, m, k, ...by, other);
    near(read(other, m * n), product(x, weight, bias, k, n).map(then));
  });

  it("multiply few rows by the last columns alone, where others have the first", () => {
    const { late, place, read } = kernels();
    const [m, k, n, mine] = [5, 12, 72, 64];
    const [x, weight, bias] = [noise(m * k), noise(k * n, 3), noise(n, 4)];
    const out = place(new Array(8 * n).fill(9));
    const by = [place(panels(weight, k, n)), place(bias), n, 0];
    late("linear", 1, place(inFours(x, k)), 0, m, k, ...by, out);
    const products = product(x, weight, bias, k, n);
    near(
      read(out, m * n),
      products.map((value, i) => (i % n < mine ? 9 : value)),
    );
  });

  it.each(FOLLOWS)("multiply each row by a weight of its own, then %s", (_, follows, then) => {
    const { step, place, read } = kernels();
    const [m, k, n] = [5, 8, 16];
    const [x, weight, bias] = [noise(m * k), noise(m * k * n, 2), noise(m * n, 3)];
    const own = range(m).map((i) => weight.slice(i * k * n, (i + 1) * k * n));
    const out = place(m * n);
    const packed = place(own.flatMap((of) => panels(of, k, n)));
    step("each", place(x), m, k, packed, place(bias), n, follows, out);
    const expected = own.flatMap((of, i) =>
      product(x.slice(i * k, (i + 1) * k), of, bias.slice(i * n, (i + 1) * n), k, n),
    );
    near(read(out, m * n), expected.map(then));
  });

  it.each(COUNTS)("attend among %i tokens", (m) => {
    const { step, place, read } = kernels();
    const c = INNER;
    const [asked, values] = [noise(m * 2 * c), noise(m * c, 2)];
    const out = place(m * c);
    step("converse", place(asked), place(values), m, c, HEADS, out);
    const expected = range(m * c).map((at) => {
      const [i, column] = [Math.floor(at / c), at % c];
      const first = column - (column % D);
      const shares = softmax(
        range(m).map((j) =>
          total(D, (l) => asked[i * 2 * c + first + l] * asked[j * 2 * c + c + first + l]),
        ),
      );
      return total(m, (j) => shares[j] * values[j * c + column]);
    });
    near(read(out, m * c), expected);
  });

  it("add rows to others, and normalise the sums in place", () => {
    const { step, place, read } = kernels();
    const [m, c, eps] = [3, 16, 1e-2];
    const [x, more, gain, shift] = [noise(m * c), noise(m * c, 2), noise(c, 3), noise(c, 4)];
    const scaled = (rows: number[]) =>
      normal(rows, c, eps).map((value, i) => value * gain[i % c] + shift[i % c]);
    const [from, out, alone] = [place(x), place(more), place(m * c)];
    const by = [eps, place(gain), place(shift)];
    step("settle", from, out, m, c, ...by, out);
    near(read(out, m * c), scaled(added(x, more)));
    step("settle", from, 0, m, c, ...by, alone);
    near(read(alone, m * c), scaled(x));
  });

  it("pack columns of rows, which are the first of higher panels", () => {
    const { step, place, read } = kernels();
    const [count, n, column, width, height] = [3, 28, 4, 16, 5];
    const rows = noise(count * n);
    const before = noise(width * height, 2);
    const out = place(panels(before, height, width));
    step("packRows", place(rows), count, n, column, width, height, out);
    const expected = range(height * width).map((at) => {
      const [i, j] = [Math.floor(at / width), at % width];
      return i < count ? rows[i * n + column + j] : before[at];
    });
    expect(read(out, width * height)).toEqual(panels(expected, height, width));
  });
});

describe.each(COUNTS)("kernels of what %i tokens tell", (t) => {
  const k = HEADS * t;

  it("pack tokens' numbers by heads", () => {
    const { step, place, read } = kernels();
    const x = noise(t * INNER);
    const expected = headStrips(x, t, HEADS, D);
    const [out, from] = [place(expected.length), place(x)];
    place(new Array(64).fill(NaN)); // what comes next in memory
    step("packHeads", from, t, HEADS, D, out);
    const found = read(out, expected.length);
    // Whatever stands in rows too many, it is a number.
    expect(found.every(Number.isFinite)).toBe(true);
    const there = (_: number, i: number) => expected[i] !== 7;
    expect(found.filter(there)).toEqual(expected.filter(there));
  });

  it("make a row of each token and head", () => {
    const { step, place, read } = kernels();
    const n = 12;
    const [values, weight, bias] = [noise(t * INNER), noise(INNER * n, 2), noise(n, 3)];
    const out = place(k * n);
    step("tellRows", place(values), t, HEADS, D, place(weight), place(bias), n, out);
    const expected = range(k).flatMap((row) => {
      const value = ofHead(values, row, t).slice(0, INNER);
      return product(value, weight, bias, INNER, n);
    });
    near(read(out, k * n), expected);
  });

  it("multiply what tokens ask by columns of rows", () => {
    const { step, place, read } = kernels();
    const [count, n, column] = [7, 40, 12];
    const [asked, rows] = [noise(t * INNER), noise(count * n, 2)];
    const out = place(new Array(Math.ceil(k / 4) * 4 * count).fill(7));
    step("pull", place(asked), t, HEADS, D, place(rows), n, column, count, out);
    const products = range(k * count).map((at) => {
      const [row, j] = [Math.floor(at / count), at % count];
      const by = ofHead(asked, row, t);
      return total(INNER, (l) => by[l] * rows[j * n + column + l]);
    });
    const expected = strips(products, k, count);
    near(read(out, expected.length), expected);
  });

  it.each([
    [1, 0, k],
    [2, k, 2 * k],
  ])("multiply rows of layers, times %i, in columns from %i of %i", (factor, column, count) => {
    const { step, place, read } = kernels();
    const n = INNER + 4;
    const form = noise((INNER + 1) * n, 3);
    const [values, others] = [noise(t * INNER), noise(t * INNER, 2)];
    const before = noise(k * count, 4);
    const out = place(strips(before, k, count));
    const shape = [t, HEADS, D, place(form), factor, column, count];
    step("among", place(values), place(others), ...shape, out);
    const expected = [...before];
    for (const row of range(k)) {
      for (const other of range(k)) {
        const [one, two] = [ofHead(values, row, t), ofHead(others, other, t)];
        expected[row * count + column + other] =
          factor *
          total(INNER + 1, (a) => total(INNER + 1, (b) => one[a] * form[a * n + b] * two[b]));
      }
    }
    const packed = strips(expected, k, count);
    near(read(out, packed.length), packed);
  });
});

/** What tokens (t, heads·d) have in the head of a row, zeros in the others, and 1. */
function ofHead(x: readonly number[], row: number, t: number): number[] {
  const [head, token] = [Math.floor(row / t), row % t];
  const own = range(INNER).map((i) => (Math.floor(i / D) === head ? x[token * INNER + i] : 0));
  return [...own, 1];
}
