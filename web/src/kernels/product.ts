// The product of packed matrices, 4 rows by 8 columns at a time: what stays in 16 registers.
//
// Rows are packed in strips of 4, [k][4]; columns (weights) in panels of 8, [k][8].

import { gelu, madd, sum } from "./numbers";

export const ROWS: i32 = 4;
export const COLUMNS: i32 = 8;

/** 4×8 numbers into rows `pitch` bytes apart: a strip by a panel, and a bias of 8 (0: none). */
export function block(
  strip: usize,
  panel: usize,
  k: i32,
  bias: usize,
  out: usize,
  pitch: usize,
): void {
  tile(strip, 16, panel, k, bias, out, pitch);
}

/** `block` where four columns of a panel are the rows: half a panel, from its address on. */
export function blockOfHalf(
  half: usize,
  panel: usize,
  k: i32,
  bias: usize,
  out: usize,
  pitch: usize,
): void {
  tile(half, 32, panel, k, bias, out, pitch);
}

/** `block` with strips whose fours are `stride` bytes apart. */
function tile(
  strip: usize,
  stride: usize,
  panel: usize,
  k: i32,
  bias: usize,
  out: usize,
  pitch: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  if (bias) {
    c00 = v128.load(bias);
    c01 = v128.load(bias, 16);
  }
  let c10 = c00;
  let c11 = c01;
  let c20 = c00;
  let c21 = c01;
  let c30 = c00;
  let c31 = c01;
  const end = panel + ((<usize>k) << 5);
  while (panel < end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const a0 = v128.load_splat<f32>(strip);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    const a1 = v128.load_splat<f32>(strip, 4);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    const a2 = v128.load_splat<f32>(strip, 8);
    c20 = madd(a2, b0, c20);
    c21 = madd(a2, b1, c21);
    const a3 = v128.load_splat<f32>(strip, 12);
    c30 = madd(a3, b0, c30);
    c31 = madd(a3, b1, c31);
    strip += stride;
    panel += 32;
  }
  v128.store(out, c00);
  v128.store(out, c01, 16);
  out += pitch;
  v128.store(out, c10);
  v128.store(out, c11, 16);
  out += pitch;
  v128.store(out, c20);
  v128.store(out, c21, 16);
  out += pitch;
  v128.store(out, c30);
  v128.store(out, c31, 16);
}

/** Packed rows by packed weights (k, n), and a bias (0: none): (rows, n). Rows in fours. */
export function product(
  packed: usize,
  rows: i32,
  k: i32,
  weight: usize,
  bias: usize,
  n: i32,
  out: usize,
): void {
  const pitch = (<usize>n) << 2;
  const strips = packed + ((<usize>rows * <usize>k) << 2);
  for (let j: i32 = 0; j < n; j += COLUMNS) {
    let to = out;
    for (let strip = packed; strip < strips; strip += (<usize>k) << 4) {
      block(strip, weight, k, bias, to, pitch);
      to += pitch << 2;
    }
    weight += (<usize>k) << 5;
    out += 32;
    if (bias) bias += 32;
  }
}

/** The transpose of 4×4 numbers, of four addresses, into rows `pitch` bytes apart. */
export function transpose(a: v128, b: v128, c: v128, d: v128, out: usize, pitch: usize): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  out += pitch;
  v128.store(out, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
  out += pitch;
  v128.store(out, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
  out += pitch;
  v128.store(out, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
}

/** Pack rows (rows, k) as they are. */
export function pack(from: usize, rows: i32, k: i32, to: usize): void {
  const pitch = (<usize>k) << 2;
  for (let i: i32 = 0; i < rows; i += ROWS) {
    const end = from + pitch;
    for (; from < end; from += 16, to += 64) {
      const second = from + pitch;
      const third = second + pitch;
      const fourth = third + pitch;
      transpose(v128.load(from), v128.load(second), v128.load(third), v128.load(fourth), to, 16);
    }
    from += pitch * 3;
  }
}

/** Pack the GELU of rows (rows, k). */
export function packGelu(from: usize, rows: i32, k: i32, to: usize): void {
  const pitch = (<usize>k) << 2;
  for (let i: i32 = 0; i < rows; i += ROWS) {
    const end = from + pitch;
    for (; from < end; from += 16, to += 64) {
      const second = from + pitch;
      const third = second + pitch;
      const fourth = third + pitch;
      transpose(
        gelu(v128.load(from)),
        gelu(v128.load(second)),
        gelu(v128.load(third)),
        gelu(v128.load(fourth)),
        to,
        16,
      );
    }
    from += pitch * 3;
  }
}

/** Pack rows (rows, k) normalised: less their mean, by their deviation. Gains are in weights. */
export function packNormal(from: usize, rows: i32, k: i32, eps: f32, to: usize): void {
  const pitch = (<usize>k) << 2;
  for (let i: i32 = 0; i < rows; i += ROWS) {
    const first = normal(from, k, eps);
    const second = normal(from + pitch, k, eps);
    const third = normal(from + pitch * 2, k, eps);
    const fourth = normal(from + pitch * 3, k, eps);
    const shift0 = f32x4.splat(f32x4.extract_lane(first, 0));
    const scale0 = f32x4.splat(f32x4.extract_lane(first, 1));
    const shift1 = f32x4.splat(f32x4.extract_lane(second, 0));
    const scale1 = f32x4.splat(f32x4.extract_lane(second, 1));
    const shift2 = f32x4.splat(f32x4.extract_lane(third, 0));
    const scale2 = f32x4.splat(f32x4.extract_lane(third, 1));
    const shift3 = f32x4.splat(f32x4.extract_lane(fourth, 0));
    const scale3 = f32x4.splat(f32x4.extract_lane(fourth, 1));
    const end = from + pitch;
    for (; from < end; from += 16, to += 64) {
      transpose(
        madd(v128.load(from), scale0, shift0),
        madd(v128.load(from + pitch), scale1, shift1),
        madd(v128.load(from + pitch * 2), scale2, shift2),
        madd(v128.load(from + pitch * 3), scale3, shift3),
        to,
        16,
      );
    }
    from += pitch * 3;
  }
}

/** What normalises a row of k: (-mean / deviation, 1 / deviation, _, _). */
function normal(row: usize, k: i32, eps: f32): v128 {
  const end = row + ((<usize>k) << 2);
  let total = f32x4.splat(0);
  for (let at = row; at < end; at += 16) total = f32x4.add(total, v128.load(at));
  const mean = sum(total) / <f32>k;
  const means = f32x4.splat(mean);
  let squares = f32x4.splat(0);
  for (let at = row; at < end; at += 16) {
    const centred = f32x4.sub(v128.load(at), means);
    squares = madd(centred, centred, squares);
  }
  const scale = <f32>1 / Mathf.sqrt(sum(squares) / <f32>k + eps);
  return f32x4.replace_lane(f32x4.splat(-mean * scale), 1, scale);
}

/** Normalise a row of k in place, by a gain and a shift. */
export function normaliseRow(row: usize, k: i32, eps: f32, gain: usize, shift: usize): void {
  const by = normal(row, k, eps);
  const less = f32x4.splat(f32x4.extract_lane(by, 0));
  const scale = f32x4.splat(f32x4.extract_lane(by, 1));
  for (let lane: usize = 0; lane < (<usize>k) << 2; lane += 16) {
    const at = row + lane;
    const one = f32x4.add(f32x4.mul(v128.load(at), scale), less);
    v128.store(at, f32x4.add(f32x4.mul(one, v128.load(gain + lane)), v128.load(shift + lane)));
  }
}
