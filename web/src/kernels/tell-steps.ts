// What tokens tell the image: steps of few rows at each position, and what norms need of their sum
// (docs/adr/0021).
//
// Letters and layouts are those of scores.ts.

import { exp, madd } from "./numbers";
import { block, COLUMNS, ROWS } from "./product";
import { byHead, rated, scores } from "./scores";
import { bytes, next, scratch } from "./threads";

/**
 * Which tokens each position attends to, as K steps in its panel, of `ranks`, from `first` on; what
 * positions ask is told as `see` is told it. always: (heads·d), what they ask in any case, by
 * tokens' (t, heads·d). Layers before the first: pull, always and deviations are 0.
 */
export function tell(
  counter: usize,
  length: i32,
  t: i32,
  heads: i32,
  d: i32,
  strips: usize,
  own: usize,
  height: i32,
  where: usize,
  places: i32,
  pull: usize,
  always: usize,
  steps: usize,
  ranks: i32,
  first: i32,
  deviations: usize,
): void {
  const k = heads * t;
  const asked = scratch;
  const rest = asked + bytes((k + ROWS) * COLUMNS);
  const rates = rest + 2 * bytes((k + ROWS) * COLUMNS);
  for (let at = next(counter); at * COLUMNS < length; at = next(counter)) {
    const panel = steps + bytes(at * ranks * COLUMNS);
    const deviation = deviations + bytes(at * COLUMNS);
    if (first) rated(deviation, rates);
    scores(
      strips,
      t,
      heads,
      d,
      own + bytes(at * height * COLUMNS),
      where + bytes(at * places * COLUMNS),
      pull,
      first,
      first ? panel : 0,
      rates,
      rest,
      asked,
    );
    for (let half: usize = 0; half < 32; half += 16) {
      const factor = first ? v128.load(deviation + half) : f32x4.splat(1);
      for (let head: i32 = 0; head < heads; head++) {
        const row = bytes(head * t * COLUMNS) + half;
        const to = panel + bytes(first * COLUMNS) + row;
        divide(asked + row, t, first ? always + bytes(head * t) : 0, factor, to);
      }
    }
  }
}

/** Softmax of four positions down t rows of eight, times a factor; plus a number a row, unless 0. */
function divide(from: usize, t: i32, plus: usize, factor: v128, to: usize): void {
  let most = f32x4.splat(-Infinity);
  for (let i: i32 = 0; i < t; i++) {
    const at = from + bytes(i * COLUMNS);
    let score = v128.load(at);
    if (plus) {
      score = f32x4.add(score, v128.load_splat<f32>(plus + bytes(i)));
      v128.store(at, score);
    }
    most = f32x4.pmax(most, score);
  }
  let total = f32x4.splat(0);
  for (let i: i32 = 0; i < t; i++) {
    const power = exp(f32x4.sub(v128.load(from + bytes(i * COLUMNS)), most));
    v128.store(to + bytes(i * COLUMNS), power);
    total = f32x4.add(total, power);
  }
  const rate = f32x4.div(factor, total);
  for (let i: i32 = 0; i < t; i++) {
    const at = to + bytes(i * COLUMNS);
    v128.store(at, f32x4.mul(v128.load(at), rate));
  }
}

/**
 * A layer's share of sums of squares: its K steps, from `first` on, by products with the image (a
 * head's strips of values by the image's own) and with `count` steps from the same (strips of K).
 * To sums (L), or added to them.
 */
export function measure(
  counter: usize,
  length: i32,
  t: i32,
  heads: i32,
  d: i32,
  strips: usize,
  own: usize,
  height: i32,
  among: usize,
  count: i32,
  steps: usize,
  ranks: i32,
  first: i32,
  adds: bool,
  sums: usize,
): void {
  const k = heads * t;
  const images = scratch;
  const products = images + bytes((k + ROWS) * COLUMNS);
  for (let at = next(counter); at * COLUMNS < length; at = next(counter)) {
    const panel = steps + bytes((at * ranks + first) * COLUMNS);
    byHead(strips, t, heads, d, own + bytes(at * height * COLUMNS), images);
    for (let i: i32 = 0; i < k; i += ROWS) {
      block(among + bytes(i * count), panel, count, 0, products + bytes(i * COLUMNS), 32);
    }
    for (let half: usize = 0; half < 32; half += 16) {
      const to = sums + bytes(at * COLUMNS) + half;
      let total = adds ? v128.load(to) : f32x4.splat(0);
      for (let i = half; i < bytes(k * COLUMNS); i += 32) {
        const image = v128.load(images + i);
        const product = f32x4.add(f32x4.add(image, image), v128.load(products + i));
        total = madd(v128.load(panel + i), product, total);
      }
      v128.store(to, total);
    }
  }
}

/**
 * Deviations (L) of squares and sums; always: the row of panels of `height` that has the image's
 * products with what the first layer always tells, before (0: none): deviations of the layer before,
 * of which one more row is told. To `out`, and to row `rank` of steps, unless steps is 0.
 */
export function deviate(
  counter: usize,
  length: i32,
  c: i32,
  eps: f32,
  squares: usize,
  sums: usize,
  always: usize,
  height: i32,
  before: usize,
  steps: usize,
  ranks: i32,
  rank: i32,
  out: usize,
): void {
  const share = f32x4.splat(<f32>1 / <f32>c);
  const two = f32x4.splat(2);
  for (let at = next(counter) << 2; at < length; at = next(counter) << 2) {
    const row = always + bytes((at & ~7) * height + (at & 7));
    let total = f32x4.add(v128.load(squares + bytes(at)), v128.load(sums + bytes(at)));
    total = madd(two, v128.load(row), total);
    let least = f32x4.splat(eps);
    if (before) {
      const last = v128.load(before + bytes(at));
      total = madd(f32x4.mul(two, last), v128.load(row, 32), total);
      least = f32x4.mul(least, f32x4.mul(last, last));
    }
    const deviation = f32x4.sqrt(madd(total, share, least));
    v128.store(out + bytes(at), deviation);
    if (steps) v128.store(steps + bytes((at & ~7) * ranks + rank * COLUMNS + (at & 7)), deviation);
  }
}
