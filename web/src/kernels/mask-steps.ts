// Masks in and out of the mask decoder: how one that is given changes the image, the upscaling to
// logits, and a second look at those (docs/adr/0024).
//
// L positions, eight of them a panel: [L / 8][rows][8].

import { addAll, exp, gelu, madd, sum } from "./numbers";
import { block, blockOfHalf, COLUMNS, ROWS } from "./product";
import { bytes, next, scratch } from "./threads";
import { MASKS, packActivated, pixels } from "./upscaling";

const POSITIONS: i32 = 16; // each of which becomes 16 pixels
const PART: i32 = 64; // positions that are looked at together
const CHANNELS: i32 = 16; // of an embedded mask; having one at all is one more row
const RANKS: i32 = CHANNELS + 1;
const SPARE: i32 = 20; // rows of strips of as many

/**
 * Logits (4·side, 4·side) to panels of 17 rows: 16 channels, and ones. Two convolutions of 2×2
 * numbers to one, of 4 and 16 channels, each with a norm and GELU: weights are (4, 4) and (4, 4, 16),
 * places of the four first, then what comes in.
 */
export function embedMask(
  counter: usize,
  mask: usize,
  side: i32,
  eps: f32,
  weight: usize,
  bias: usize,
  gain: usize,
  shift: usize,
  weight2: usize,
  bias2: usize,
  gain2: usize,
  shift2: usize,
  out: usize,
): void {
  const line = bytes(4 * side);
  const length = side * side;
  for (let at = next(counter); at < length; at = next(counter)) {
    const from = mask + <usize>(4 * (at / side)) * line + bytes(4 * (at % side));
    memory.copy(scratch, bias2, 64);
    for (let place: i32 = 0; place < 4; place++) {
      const corner = from + <usize>(place >> 1) * 2 * line + (((<usize>place) & 1) << 3);
      let x = v128.load(bias);
      x = madd(v128.load_splat<f32>(corner), v128.load(weight), x);
      x = madd(v128.load_splat<f32>(corner, 4), v128.load(weight, 16), x);
      x = madd(v128.load_splat<f32>(corner + line), v128.load(weight, 32), x);
      x = madd(v128.load_splat<f32>(corner + line, 4), v128.load(weight, 48), x);
      settleFour(x, eps, gain, shift, scratch + 64);
      for (let i: usize = 0; i < 4; i++) {
        const one = v128.load_splat<f32>(scratch + 64 + (i << 2));
        const by = weight2 + ((<usize>place * 4 + i) << 6);
        for (let j: usize = 0; j < 64; j += 16) {
          v128.store(scratch + j, madd(one, v128.load(by + j), v128.load(scratch + j)));
        }
      }
    }
    settleSixteen(scratch, eps, gain2, shift2);
    const to = out + bytes((at & ~7) * RANKS + (at & 7));
    for (let i: i32 = 0; i < CHANNELS; i++) {
      store<f32>(to + bytes(i * COLUMNS), load<f32>(scratch + bytes(i)));
    }
    store<f32>(to + bytes(CHANNELS * COLUMNS), 1);
  }
}

/** Norm and GELU of four numbers. */
function settleFour(x: v128, eps: f32, gain: usize, shift: usize, to: usize): void {
  const centred = f32x4.sub(x, f32x4.splat(sum(x) / 4));
  const rate = <f32>1 / Mathf.sqrt(sum(f32x4.mul(centred, centred)) / 4 + eps);
  const scaled = f32x4.mul(centred, f32x4.splat(rate));
  v128.store(to, gelu(madd(scaled, v128.load(gain), v128.load(shift))));
}

/** Norm and GELU of sixteen numbers in place. */
function settleSixteen(at: usize, eps: f32, gain: usize, shift: usize): void {
  let total = f32x4.splat(0);
  for (let i: usize = 0; i < 64; i += 16) total = f32x4.add(total, v128.load(at + i));
  const mean = f32x4.splat(sum(total) / <f32>CHANNELS);
  let squares = f32x4.splat(0);
  for (let i: usize = 0; i < 64; i += 16) {
    const centred = f32x4.sub(v128.load(at + i), mean);
    v128.store(at + i, centred);
    squares = madd(centred, centred, squares);
  }
  const rate = f32x4.splat(<f32>1 / Mathf.sqrt(sum(squares) / <f32>CHANNELS + eps));
  for (let i: usize = 0; i < 64; i += 16) {
    const scaled = f32x4.mul(v128.load(at + i), rate);
    v128.store(at + i, gelu(madd(scaled, v128.load(gain + i), v128.load(shift + i))));
  }
}

/**
 * Sums of squares (L) of an image with a mask, of those without: `mask` as embedMask gives it, the
 * image's products with a mask's rows in panels of `height` rows, and strips of products among those.
 */
export function maskSquares(
  counter: usize,
  mask: usize,
  length: i32,
  image: usize,
  height: i32,
  among: usize,
  before: usize,
  out: usize,
): void {
  for (let at = next(counter); at * COLUMNS < length; at = next(counter)) {
    const panel = mask + bytes(at * RANKS * COLUMNS);
    const own = image + bytes(at * height * COLUMNS);
    for (let i: i32 = 0; i < SPARE; i += ROWS) {
      block(among + bytes(i * RANKS), panel, RANKS, 0, scratch + bytes(i * COLUMNS), 32);
    }
    for (let half: usize = 0; half < 32; half += 16) {
      let total = v128.load(before + bytes(at * COLUMNS) + half);
      for (let i = half; i < bytes(RANKS * COLUMNS); i += 32) {
        const twice = f32x4.add(v128.load(own + i), v128.load(own + i));
        total = madd(v128.load(panel + i), f32x4.add(twice, v128.load(scratch + i)), total);
      }
      v128.store(out + bytes(at * COLUMNS) + half, total);
    }
  }
}

/** Pack what masks (4, n) are asked by: [n][4]. */
export function packMasks(counter: usize, from: usize, n: i32, to: usize): void {
  for (let i = next(counter); i < n; i = next(counter)) {
    for (let mask: i32 = 0; mask < MASKS; mask++) {
      store<f32>(to + bytes(i * MASKS + mask), load<f32>(from + bytes(mask * n + i)));
    }
  }
}

/**
 * Logits (4, 4·side, 4·side) of (side, side) positions that are sums, own + steps·rows, by what
 * comes after that in the mask decoder (upscaling.ts). own (side², 4·c); steps: panels of `count`
 * rows; rows: [4·c / 8][count][8]; deviations (side²); hyper: [c / 2][4].
 */
export function upscale(
  counter: usize,
  side: i32,
  c: i32,
  eps: f32,
  own: usize,
  steps: usize,
  count: i32,
  rows: usize,
  deviations: usize,
  gain: usize,
  shift: usize,
  weight: usize,
  bias: usize,
  hyper: usize,
  out: usize,
): void {
  const length = side * side;
  const row = bytes(4 * c);
  const panel = scratch + <usize>POSITIONS * row;
  const middle = panel + bytes(8 * c);
  const line = bytes(4 * side);
  for (let first = next(counter) * POSITIONS; first < length; first = next(counter) * POSITIONS) {
    for (let j: i32 = 0; j < 4 * c; j += COLUMNS) {
      for (let i: i32 = 0; i < POSITIONS; i += ROWS) {
        const half = steps + bytes(((first + i) & ~7) * count + ((first + i) & 7));
        const to = scratch + bytes(i * 4 * c + j);
        blockOfHalf(half, rows + bytes(j * count), count, 0, to, row);
      }
    }
    addAll(scratch, own + <usize>first * row, POSITIONS * 4 * c);
    for (let i: i32 = 0; i < POSITIONS; i += 4) {
      const y = (first + i) / side;
      const x = (first + i) % side;
      for (let half: i32 = 0; half < 2; half++) {
        const from = scratch + <usize>i * row + bytes(half * 2 * c);
        packActivated(from, c, eps, deviations + bytes(first + i), gain, shift, panel);
        const to = out + <usize>(4 * y + 2 * half) * line + bytes(4 * x);
        pixels(panel, c, weight, bias, hyper, middle, to, line, bytes(16 * length));
      }
    }
  }
}

/**
 * How much of each position masks cover, and what is seen there: of each 64 positions (4, n + 8),
 * the last eight the sums of what is covered. logits (4, 4·side, 4·side); seen: [n / 8][L][8].
 */
export function cover(
  counter: usize,
  logits: usize,
  side: i32,
  seen: usize,
  n: i32,
  out: usize,
): void {
  const length = side * side;
  const line = bytes(4 * side);
  const ones = scratch + bytes(MASKS * PART);
  for (let i: i32 = 0; i < PART * COLUMNS; i += 4) v128.store(ones + bytes(i), f32x4.splat(1));
  for (let part = next(counter); part * PART < length; part = next(counter)) {
    for (let i: i32 = 0; i < PART; i++) {
      const at = part * PART + i;
      const from = logits + <usize>(4 * (at / side)) * line + bytes(4 * (at % side));
      for (let mask: i32 = 0; mask < MASKS; mask++) {
        const share = covered(from + bytes(16 * length * mask), line);
        store<f32>(scratch + bytes(i * MASKS + mask), share);
      }
    }
    const to = out + bytes(part * MASKS * (n + COLUMNS));
    for (let j: i32 = 0; j <= n; j += COLUMNS) {
      const by = j < n ? seen + bytes(j * length + part * PART * COLUMNS) : ones;
      block(scratch, by, PART, 0, to + bytes(j), bytes(n + COLUMNS));
    }
  }
}

/** The mean of sixteen pixels' probabilities. */
function covered(at: usize, line: usize): f32 {
  let total = f32x4.splat(0);
  for (let row: usize = 0; row < 4; row++, at += line) {
    const x = v128.load(at);
    const power = exp(f32x4.neg(f32x4.abs(x)));
    const far = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), power));
    const near = f32x4.mul(power, far);
    total = f32x4.add(total, v128.bitselect(near, far, f32x4.lt(x, f32x4.splat(0))));
  }
  return sum(total) / 16;
}

/**
 * What `cover` found of the three masks of an ambiguous click, as the second look's hidden layer
 * takes them (MaskRanking.compare): (3, 2·n). iou (4); weight (8, n): by all four, by differences
 * from the three, by the mask's own; tokens (3, n), click (n) and which (3, n) are added.
 */
export function compare(
  counter: usize,
  found: usize,
  parts: i32,
  n: i32,
  iou: usize,
  weight: usize,
  tokens: usize,
  click: usize,
  which: usize,
  out: usize,
): void {
  const width = bytes(n + COLUMNS);
  for (let j = next(counter) << 2; j < n; j = next(counter) << 2) {
    const column = bytes(j);
    let all = f32x4.splat(0);
    for (let mask: i32 = 1; mask < MASKS; mask++) {
      let total = f32x4.splat(0);
      let area: f32 = 1e-3;
      let from = found + <usize>mask * width;
      for (let part: i32 = 0; part < parts; part++, from += <usize>MASKS * width) {
        total = f32x4.add(total, v128.load(from + column));
        area += load<f32>(from + bytes(n));
      }
      const own = load<f32>(iou + bytes(mask));
      let x = f32x4.div(total, f32x4.splat(area));
      for (let i: i32 = 0; i < 8; i++) {
        const other = load<f32>(iou + bytes(i < 4 ? i : i - 3));
        const by = i < 4 ? other : i < 7 ? own - other : own;
        x = madd(f32x4.splat(by), v128.load(weight + bytes(i * n) + column), x);
      }
      const row = bytes((mask - 1) * n) + column;
      x = f32x4.add(x, f32x4.add(v128.load(tokens + row), v128.load(which + row)));
      x = gelu(f32x4.add(x, v128.load(click + column)));
      v128.store(out + bytes((mask - 1) * 2 * n) + column, x);
      all = f32x4.add(all, x);
    }
    for (let mask: i32 = 0; mask < 3; mask++) {
      const at = out + bytes(mask * 2 * n) + column;
      const others = f32x4.mul(f32x4.sub(all, v128.load(at)), f32x4.splat(0.5));
      v128.store(at + bytes(n), others);
    }
  }
}

/** Correct the IoUs of the three masks by (3, n) and a weight (n): in place, (4). */
export function correct(
  counter: usize,
  x: usize,
  n: i32,
  weight: usize,
  bias: usize,
  iou: usize,
): void {
  for (let mask = next(counter); mask < 3; mask = next(counter)) {
    let total = f32x4.splat(0);
    for (let i: usize = 0; i < bytes(n); i += 16) {
      total = madd(v128.load(x + bytes(mask * n) + i), v128.load(weight + i), total);
    }
    const at = iou + bytes(mask + 1);
    store<f32>(at, load<f32>(at) + sum(total) + load<f32>(bias));
  }
}
