import { describe, expect, it } from "vitest";
import {
  added,
  headStrips,
  kernels,
  near,
  noise,
  panels,
  product,
  range,
  softmax,
  strips,
  total,
} from "./kernels-harness";

const D = 8; // numbers of a head
const LENGTH = 128; // two parts
const PANEL_ROW = 32; // bytes
const FIRST = 2; // row of panels that is meant
// Of tokens and heads: no multiple of four, so that heads' strips overlap, and an odd number of rows.
const COUNTS = [
  [3, 2],
  [5, 2],
  [3, 3],
];
const deviations = noise(LENGTH, 21).map((value) => Math.fround(value + 1.5));

describe("kernels of an image", () => {
  const [c, k, n] = [8, 9, 16];

  it("pack a map, with a row of ones", () => {
    const { step, place, read } = kernels();
    const map = noise(c * LENGTH);
    const out = place((c + 1) * LENGTH);
    step("packImage", place(map), LENGTH, c, out);
    const expected = panels([...map, ...new Array(LENGTH).fill(1)], c + 1, LENGTH);
    expect(read(out, (c + 1) * LENGTH)).toEqual(expected);
  });

  it.each([false, true])("multiply panels to rows of panels, added to others: %s", (adds) => {
    const { step, place, read } = kernels();
    const height = n + 2; // the last rows are others'
    const [x, weight] = [noise(k * LENGTH), noise(n * k, 2)];
    const [before, base] = [noise(height * LENGTH, 3), noise(height * LENGTH, 4)];
    const out = place(panels(before, height, LENGTH));
    const [from, by] = [place(panels(x, k, LENGTH)), place(strips(weight, n, k))];
    const plus = adds ? place(panels(base, height, LENGTH)) : 0;
    step("across", from, LENGTH, k, by, n, plus, height, out);
    const products = product(weight, x, new Array(LENGTH).fill(0), k, LENGTH);
    const rows = [...(adds ? added(products, base) : products), ...before.slice(n * LENGTH)];
    near(read(out, height * LENGTH), panels(rows, height, LENGTH));
  });

  it.each([
    ["eights of columns together", false, true],
    ["eights of columns together, added to others", true, true],
    ["a row a position", false, false],
    ["a row a position, added to others", true, false],
  ])("multiply panels to %s", (_, adds, inEights) => {
    const { step, place, read } = kernels();
    const height = k + 2;
    const [x, weight, bias] = [noise(height * LENGTH), noise(k * n, 2), noise(n, 3)];
    const base = noise(LENGTH * n, 4);
    // Panels of positions by eights of columns are, like weights, panels of columns.
    const laid = (rows: number[]) => (inEights ? panels(rows, LENGTH, n) : rows);
    const layout = inEights ? [LENGTH * PANEL_ROW, PANEL_ROW] : [PANEL_ROW, 4 * n];
    const out = place(LENGTH * n);
    const [from, by] = [place(panels(x, height, LENGTH)), place(panels(weight, k, n))];
    const [plus, more] = adds ? [0, place(laid(base))] : [place(bias), 0];
    step("along", from, LENGTH, height, k, by, plus, n, more, ...layout, out);
    const turned = range(LENGTH).flatMap((at) => range(k).map((i) => x[i * LENGTH + at]));
    const expected = product(turned, weight, adds ? new Array(n).fill(0) : bias, k, n);
    near(read(out, LENGTH * n), laid(adds ? added(expected, base) : expected));
  });

  it("add up squares as both norms get them", () => {
    const { step, place, read } = kernels();
    const [x, plus, gain] = [noise((c + 1) * LENGTH), noise(c, 2), noise(c, 3)];
    const out = place(2 * LENGTH);
    const from = place(panels(x, c + 1, LENGTH));
    step("squares", from, LENGTH, c, place(plus), place(gain), out);
    const centred = (row: number[]) => row.map((value) => value - total(c, (i) => row[i]) / c);
    const rows = range(LENGTH).map((at) =>
      centred(range(c).map((i) => x[i * LENGTH + at] + plus[i])),
    );
    const stretched = rows.map((row) => centred(row.map((value, i) => value * gain[i])));
    const squares = [...rows, ...stretched].map((row) => total(c, (i) => row[i] ** 2));
    near(read(out, 2 * LENGTH), squares);
  });
});

describe.each(COUNTS)("kernels of %i tokens, of %i heads, and an image", (t, heads) => {
  const k = heads * t;
  const inner = heads * D;
  const height = inner + 3; // of panels
  const [asked, own, where] = [
    noise(t * inner),
    noise(height * LENGTH, 2),
    noise(height * LENGTH, 3),
  ];
  const ofToken = (x: number[], row: number, i: number) =>
    x[((row % t) * heads + Math.floor(row / t)) * D + i];
  /** What a row, row head·t + token, gets of a position by rows of its head. */
  const byHead = (x: number[], map: number[], row: number, at: number) => {
    const first = FIRST + Math.floor(row / t) * D;
    return total(D, (i) => ofToken(x, row, i) * map[(first + i) * LENGTH + at]);
  };
  const bySteps = (by: number[], steps: number[], count: number, row: number, at: number) =>
    total(count, (i) => by[row * count + i] * steps[i * LENGTH + at]);

  it.each([
    ["alone", 0],
    ["to which a layer has told something", k],
    ["to which two have", 2 * k],
  ])("see an image %s", (_, count) => {
    const { step, place, read } = kernels();
    const [values, always] = [noise(inner * LENGTH, 4), noise(inner, 5)];
    const [n, column, ranks] = [inner + 8, 4, count + 1];
    const pull = noise(k * count, 6);
    const steps = noise(ranks * LENGTH, 7);
    const told = noise(count * n, 8);
    const found = place((LENGTH / 64) * k * (D + 2));
    const out = place(t * inner);
    const at = (map: number[]) => place(panels(map, height, LENGTH)) + FIRST * PANEL_ROW;
    const turned = range(LENGTH * inner).map(
      (i) => values[(i % inner) * LENGTH + Math.floor(i / inner)],
    );
    const shown = place(panels(turned, LENGTH, inner));
    const of = [place(headStrips(asked, t, heads, D)), at(own), height, at(where), height, shown];
    const more = count
      ? [place(strips(pull, k, count)), count, place(panels(steps, ranks, LENGTH)), ranks]
      : [0, 0, 0, 0];
    const last = count ? [place(deviations), place(told) + 4 * column, n] : [0, 0, 0];
    step("see", LENGTH, t, heads, D, ...of, ...more, ...last, found);
    const plus = count ? place(always) : 0;
    step("gather", found, LENGTH / 64, t, heads, D, plus, out);
    const rates = deviations.map((deviation) => (count ? 1 / deviation : 1));
    const expected = new Array<number>(t * inner);
    for (const row of range(k)) {
      const shares = softmax(
        range(LENGTH).map((i) => {
          const whole = byHead(asked, own, row, i) + bySteps(pull, steps, count, row, i);
          return rates[i] * whole + byHead(asked, where, row, i);
        }),
      ).map((share, i) => share * rates[i]);
      const [head, token] = [Math.floor(row / t), row % t];
      for (const j of range(D)) {
        const channel = head * D + j;
        expected[token * inner + channel] =
          total(LENGTH, (i) => {
            const rows = total(
              count,
              (r) => steps[r * LENGTH + i] * told[r * n + column + channel],
            );
            return shares[i] * (values[channel * LENGTH + i] + rows);
          }) + (count ? always[channel] : 0);
      }
    }
    near(read(out, t * inner), expected, 2e-5);
  });

  it("see parts of an image in any order", () => {
    const { step, late, place, read } = kernels();
    const count = k;
    const found = (LENGTH / 64) * k * (D + 2);
    const [inTurn, inAny] = [place(found), place(found)];
    const at = (map: number[]) => place(panels(map, height, LENGTH)) + FIRST * PANEL_ROW;
    const shown = place(panels(noise(LENGTH * inner, 4), LENGTH, inner));
    const of = [place(headStrips(asked, t, heads, D)), at(own), height, at(where), height, shown];
    const steps = place(panels(noise(count * LENGTH, 7), count, LENGTH));
    const more = [place(strips(noise(k * count, 6), k, count)), count, steps, count];
    const last = [place(deviations), place(noise(count * inner, 8)), inner];
    const numbers = [LENGTH, t, heads, D, ...of, ...more, ...last];
    step("see", ...numbers, inTurn);
    const whole = read(inTurn, found);
    late("see", 1, ...numbers, inAny);
    expect(read(inAny, found)).toEqual(whole.map((value, i) => (i < found / 2 ? 0 : value)));
    late("see", 0, ...numbers, inAny);
    expect(read(inAny, found)).toEqual(whole);
  });

  it.each([
    ["an image", 0],
    ["an image to which a layer has told something", k],
  ])("tell %s", (_, first) => {
    const { step, place, read } = kernels();
    const ranks = 2 * k + 1;
    const [pull, always] = [noise(k * first, 4), noise(k, 5)];
    const before = noise(ranks * LENGTH, 6);
    const steps = place(panels(before, ranks, LENGTH));
    const at = (map: number[]) => place(panels(map, height, LENGTH)) + FIRST * PANEL_ROW;
    const of = [place(headStrips(asked, t, heads, D)), at(own), height, at(where), height];
    const more = first ? [place(strips(pull, k, first)), place(always)] : [0, 0];
    const by = first ? place(deviations) : 0;
    step("tell", LENGTH, t, heads, D, ...of, ...more, steps, ranks, first, by);
    const expected = [...before];
    for (const i of range(LENGTH)) {
      const deviation = first ? deviations[i] : 1;
      for (const head of range(heads)) {
        const rows = range(t).map((token) => head * t + token);
        const shares = softmax(
          rows.map((row) => {
            const whole = byHead(asked, own, row, i) + bySteps(pull, before, first, row, i);
            const anyway = (first ? always[row] : 0) + byHead(asked, where, row, i);
            return whole / deviation + anyway;
          }),
        );
        for (const token of range(t)) {
          expected[(first + rows[token]) * LENGTH + i] = shares[token] * deviation;
        }
      }
    }
    near(read(steps, ranks * LENGTH), panels(expected, ranks, LENGTH));
  });

  it("ask what is always told", () => {
    const { step, place, read } = kernels();
    const always = noise(inner, 2);
    const out = place(k);
    step("pull", place(asked), t, heads, D, place(always), inner, 0, 1, out);
    const expected = range(k).map((row) =>
      total(D, (i) => ofToken(asked, row, i) * always[Math.floor(row / t) * D + i]),
    );
    near(read(out, k), expected);
  });

  it.each([
    ["of both layers", 0, 2 * k, 0],
    ["of the second, added to the first's", k, k, 1],
  ])("measure what is told %s", (_, first, count, adds) => {
    const { step, place, read } = kernels();
    const ranks = 2 * k + 1;
    const [among, before] = [noise(k * count, 4), noise(LENGTH, 5)];
    const steps = noise(ranks * LENGTH, 6);
    const sums = place(before);
    const image = place(panels(own, height, LENGTH)) + FIRST * PANEL_ROW;
    const of = [place(headStrips(asked, t, heads, D)), image, height];
    const by = [place(strips(among, k, count)), count, place(panels(steps, ranks, LENGTH)), ranks];
    step("measure", LENGTH, t, heads, D, ...of, ...by, first, adds, sums);
    const told = steps.slice(first * LENGTH);
    const expected = range(LENGTH).map(
      (i) =>
        (adds ? before[i] : 0) +
        total(k, (row) => {
          const products = bySteps(among, told, count, row, i);
          return told[row * LENGTH + i] * (2 * byHead(asked, own, row, i) + products);
        }),
    );
    near(read(sums, LENGTH), expected, 5e-5);
  });
});

describe("kernels of deviations", () => {
  const [c, eps, height, ranks, rank] = [16, 0.25, 5, 4, 2];

  it.each([1, 2])("take that after layer %i", (layer) => {
    const { step, place, read } = kernels();
    const last = layer === 2;
    const squares = noise(LENGTH).map((value) => Math.fround(value + 9));
    const [sums, always] = [noise(LENGTH, 2), noise(height * LENGTH, 3)];
    const told = noise(ranks * LENGTH, 5);
    const out = place(LENGTH);
    const row = last ? 2 : 1; // the second layer's pairs have this and the next
    const steps = place(panels(told, ranks, LENGTH));
    const from = [place(squares), place(sums)];
    const image = place(panels(always, height, LENGTH)) + row * PANEL_ROW;
    const by = [last ? place(deviations) : 0, last ? steps : 0, ranks, rank];
    step("deviate", LENGTH, c, eps, ...from, image, height, ...by, out);
    const expected = range(LENGTH).map((i) => {
      const first = 2 * always[row * LENGTH + i];
      const more = last ? 2 * deviations[i] * always[(row + 1) * LENGTH + i] : 0;
      const square = (squares[i] + sums[i] + first + more) / c;
      return Math.sqrt(square + eps * (last ? deviations[i] ** 2 : 1));
    });
    near(read(out, LENGTH), expected);
    const kept = told.map((value, i) =>
      last && Math.floor(i / LENGTH) === rank ? expected[i % LENGTH] : value,
    );
    near(read(steps, ranks * LENGTH), panels(kept, ranks, LENGTH));
  });
});
