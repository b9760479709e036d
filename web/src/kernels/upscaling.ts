// The mask decoder's upscaling, of a few positions at a time: from sums of rows to logits.
//
// c channels of the decoder's first upscaling, which makes four rows of c numbers of each position;
// the second makes four pixels of c/2 of each of these. Pixels are columns throughout: eight rows
// beside each other in the map, of four positions, go through the second product together.

import { gelu, madd, sum } from "./numbers";
import { block, ROWS, transpose } from "./product";

export const MASKS: i32 = 4; // of a prompt: the rows of the last product

/**
 * Norm and GELU of eight rows, c numbers each: two of each of four positions, which are 4·c numbers
 * apart. deviations: of the positions, which is what the norm's eps is multiplied by. To [c][8].
 */
export function packActivated(
  x: usize,
  c: i32,
  eps: f32,
  deviations: usize,
  gain: usize,
  shift: usize,
  to: usize,
): void {
  const row = (<usize>c) << 2;
  for (let half: usize = 0; half < 2; half++, to += 16) {
    const a = x + half * 2 * (row << 2);
    const b = a + row;
    const d = a + (row << 2);
    const e = d + row;
    const one = f32.load(deviations + half * 8);
    const two = f32.load(deviations + half * 8, 4);
    const rateA = rate(a, c, eps * one * one);
    const rateB = rate(b, c, eps * one * one);
    const rateD = rate(d, c, eps * two * two);
    const rateE = rate(e, c, eps * two * two);
    let at = to;
    for (let i: usize = 0; i < row; i += 16, at += 128) {
      const by = v128.load(gain + i);
      const plus = v128.load(shift + i);
      const first = activated(a + i, rateA, by, plus);
      const second = activated(b + i, rateB, by, plus);
      const third = activated(d + i, rateD, by, plus);
      const fourth = activated(e + i, rateE, by, plus);
      transpose(first, second, third, fourth, at, 32);
    }
  }
}

function activated(at: usize, rate: v128, gain: v128, shift: v128): v128 {
  return gelu(madd(f32x4.mul(v128.load(at), rate), gain, shift));
}

/** What a row of no mean is multiplied by. */
function rate(row: usize, c: i32, eps: f32): v128 {
  const end = row + ((<usize>c) << 2);
  let squares = f32x4.splat(0);
  for (let at = row; at < end; at += 16) squares = madd(v128.load(at), v128.load(at), squares);
  return f32x4.splat(<f32>1 / Mathf.sqrt(sum(squares) / <f32>c + eps));
}

/**
 * Eight rows [c][8] to logits of their 32 pixels: two rows of 16 in each of four maps. weight:
 * strips of 4 columns, [c][4]; bias (c/2,); hyper: [c/2][4 masks]; out: the first pixel; line: bytes
 * of a map's row, map: of a map. middle: for 2·c·8 numbers, and 64 more.
 */
export function pixels(
  panel: usize,
  c: i32,
  weight: usize,
  bias: usize,
  hyper: usize,
  middle: usize,
  out: usize,
  line: usize,
  map: usize,
): void {
  const width = c >> 1;
  const strip = (<usize>c) << 4;
  let to = middle;
  for (let i: i32 = 0; i < 4 * width; i += ROWS, to += 128, weight += strip) {
    block(weight, panel, c, 0, to, 32);
  }
  const logits = to;
  to = middle;
  for (let pixel: i32 = 0; pixel < 4; pixel++) {
    for (let i: i32 = 0; i < width; i++, to += 32) {
      const plus = v128.load_splat<f32>(bias + ((<usize>i) << 2));
      v128.store(to, gelu(f32x4.add(v128.load(to), plus)));
      v128.store(to, gelu(f32x4.add(v128.load(to, 16), plus)), 16);
    }
  }
  const quarter = (<usize>width) << 5;
  for (let row: usize = 0; row < 2; row++, out += line, middle += 2 * quarter) {
    block(hyper, middle, width, 0, logits, 32);
    block(hyper, middle + quarter, width, 0, logits + 128, 32);
    for (let mask: usize = 0; mask < <usize>MASKS; mask++) {
      const at = out + mask * map;
      const from = logits + (mask << 5);
      interleave(v128.load(from), v128.load(from, 128), at);
      interleave(v128.load(from, 16), v128.load(from, 144), at + 32);
    }
  }
}

function interleave(even: v128, odd: v128, to: usize): void {
  v128.store(to, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
  v128.store(to, v128.shuffle<f32>(even, odd, 2, 6, 3, 7), 16);
}
