// 3×3 convolutions over (h, w, c) maps with zeros around them.

import { madd } from "./numbers";
import { ROWS, transpose } from "./product";

const BLOCK: i32 = 8; // positions whose three rows of channels stay in the nearest cache

/**
 * One row of a depth-wise convolution: (w / stride, c) of three rows (w, c), each of which may be
 * zeros. weight (9, c), bias (c,).
 */
export function depthwiseRow(
  above: usize,
  here: usize,
  below: usize,
  w: i32,
  c: i32,
  stride: i32,
  weight: usize,
  bias: usize,
  out: usize,
): void {
  const pitch = (<usize>c) << 2;
  const count = w / stride;
  const last = (w - 2) / stride; // the last position whose window lies inside; the first is 1
  border(above, here, below, w, pitch, 0, stride, weight, bias, out);
  for (let x = last + 1; x < count; x++) {
    if (x) border(above, here, below, w, pitch, x, stride, weight, bias, out);
  }
  const step = pitch * <usize>stride;
  for (let x: i32 = 1; x <= min(last, count - 1); x += BLOCK) {
    const stop = min(x + BLOCK, min(last, count - 1) + 1);
    for (let lane: usize = 0; lane < pitch; lane += 16) {
      const w0 = v128.load(weight + lane);
      const w1 = v128.load(weight + lane + pitch);
      const w2 = v128.load(weight + lane + pitch * 2);
      const w3 = v128.load(weight + lane + pitch * 3);
      const w4 = v128.load(weight + lane + pitch * 4);
      const w5 = v128.load(weight + lane + pitch * 5);
      const w6 = v128.load(weight + lane + pitch * 6);
      const w7 = v128.load(weight + lane + pitch * 7);
      const w8 = v128.load(weight + lane + pitch * 8);
      const start = v128.load(bias + lane);
      let at = <usize>(x * stride - 1) * pitch + lane;
      let to = out + <usize>x * pitch + lane;
      for (let i = x; i < stop; i++) {
        const middle = at + pitch;
        const right = middle + pitch;
        let one = madd(v128.load(above + at), w0, start);
        one = madd(v128.load(above + middle), w1, one);
        one = madd(v128.load(above + right), w2, one);
        let two = f32x4.mul(v128.load(here + at), w3);
        two = madd(v128.load(here + middle), w4, two);
        two = madd(v128.load(here + right), w5, two);
        one = madd(v128.load(below + at), w6, one);
        one = madd(v128.load(below + middle), w7, one);
        two = madd(v128.load(below + right), w8, two);
        v128.store(to, f32x4.add(one, two));
        at += step;
        to += pitch;
      }
    }
  }
}

/** One position of it, whose window may lie across the border. */
function border(
  above: usize,
  here: usize,
  below: usize,
  w: i32,
  pitch: usize,
  x: i32,
  stride: i32,
  weight: usize,
  bias: usize,
  out: usize,
): void {
  const left = x * stride - 1;
  for (let lane: usize = 0; lane < pitch; lane += 16) {
    let all = v128.load(bias + lane);
    for (let dx: i32 = 0; dx < 3; dx++) {
      if (left + dx < 0 || left + dx >= w) continue;
      const at = <usize>(left + dx) * pitch + lane;
      const by = weight + <usize>dx * pitch + lane;
      all = madd(v128.load(above + at), v128.load(by), all);
      all = madd(v128.load(here + at), v128.load(by + pitch * 3), all);
      all = madd(v128.load(below + at), v128.load(by + pitch * 6), all);
    }
    v128.store(out + <usize>x * pitch + lane, all);
  }
}

/**
 * Pack the windows of `rows` positions, counted from `first` along the rows of the answer, across
 * being the length of one: [9·c, with zeros up to k][4] each strip.
 */
export function packWindows(
  map: usize,
  h: i32,
  w: i32,
  c: i32,
  stride: i32,
  first: i32,
  rows: i32,
  k: i32,
  zeros: usize,
  to: usize,
): void {
  const across = w / stride;
  const strip = (<usize>k) << 4;
  for (let row: i32 = 0; row < rows; row += ROWS) {
    let at = to;
    for (let dy: i32 = -1; dy < 2; dy++) {
      for (let dx: i32 = -1; dx < 2; dx++) {
        const a = place(map, h, w, c, stride, first + row, across, dy, dx, zeros);
        const b = place(map, h, w, c, stride, first + row + 1, across, dy, dx, zeros);
        const d = place(map, h, w, c, stride, first + row + 2, across, dy, dx, zeros);
        const e = place(map, h, w, c, stride, first + row + 3, across, dy, dx, zeros);
        at = c & 3 ? packFew(a, b, d, e, c, at) : packFours(a, b, d, e, c, at);
      }
    }
    to += strip;
    for (; at < to; at += 16) v128.store(at, f32x4.splat(0));
  }
}

/** The address of one place in a window, whose channels are zeros beyond the map. */
function place(
  map: usize,
  h: i32,
  w: i32,
  c: i32,
  stride: i32,
  position: i32,
  across: i32,
  dy: i32,
  dx: i32,
  zeros: usize,
): usize {
  const y = (position / across) * stride + dy;
  const x = (position % across) * stride + dx;
  const inside = y >= 0 && y < h && x >= 0 && x < w;
  return inside ? map + ((<usize>((y * w + x) * c)) << 2) : zeros;
}

/** Pack c numbers of four places; where it ends. */
function packFours(a: usize, b: usize, d: usize, e: usize, c: i32, at: usize): usize {
  const end = (<usize>c) << 2;
  for (let i: usize = 0; i < end; i += 16, at += 64) {
    transpose(v128.load(a + i), v128.load(b + i), v128.load(d + i), v128.load(e + i), at, 16);
  }
  return at;
}

/** The same one by one: of the image's three colours. */
function packFew(a: usize, b: usize, d: usize, e: usize, c: i32, at: usize): usize {
  const end = (<usize>c) << 2;
  for (let i: usize = 0; i < end; i += 4, at += 16) {
    f32.store(at, f32.load(a + i));
    f32.store(at, f32.load(b + i), 4);
    f32.store(at, f32.load(d + i), 8);
    f32.store(at, f32.load(e + i), 12);
  }
  return at;
}
