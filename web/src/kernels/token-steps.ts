// The mask decoder's tokens: a few rows, whose products by a weight are shared out by columns.
//
// Arrays of tokens have room for a number of rows that four divides; nobody reads what stands in
// those beyond the last.

import { addTo, dot, exp, gelu, madd } from "./numbers";
import { block, COLUMNS, normaliseRow, pack, ROWS } from "./product";
import { bytes, next, scratch } from "./threads";

const PART: i32 = 64; // columns
const NONE: i32 = 0; // what follows a product: nothing, ReLU or GELU
const RELU: i32 = 1;

/** (x + plus)·weight + bias of m rows, and what follows; plus: 0 for none. */
export function linear(
  counter: usize,
  x: usize,
  plus: usize,
  m: i32,
  k: i32,
  weight: usize,
  bias: usize,
  n: i32,
  follows: i32,
  out: usize,
): void {
  const rows = (m + ROWS - 1) & ~(ROWS - 1);
  const packed = scratch + bytes(rows * k);
  let isPacked = false;
  for (let first = next(counter) * PART; first < n; first = next(counter) * PART) {
    if (!isPacked) {
      added(x, plus, rows * k, scratch);
      pack(scratch, rows, k, packed);
      isPacked = true;
    }
    for (let j = first; j < min(first + PART, n); j += COLUMNS) {
      const by = weight + bytes(j * k);
      for (let i: i32 = 0; i < rows; i += ROWS) {
        const to = out + bytes(i * n + j);
        block(packed + bytes(i * k), by, k, bias + bytes(j), to, bytes(n));
      }
      if (follows != NONE) for (let i: i32 = 0; i < m; i++) follow(out + bytes(i * n + j), follows);
    }
  }
}

function added(x: usize, plus: usize, count: i32, to: usize): void {
  if (!plus) {
    memory.copy(to, x, bytes(count));
    return;
  }
  for (let at: usize = 0; at < bytes(count); at += 16) {
    addTo(x + at, plus + at, to + at);
  }
}

/** Of eight numbers. */
function follow(at: usize, what: i32): void {
  for (let half: usize = 0; half < 32; half += 16) {
    const x = v128.load(at + half);
    v128.store(at + half, what == RELU ? f32x4.pmax(x, f32x4.splat(0)) : gelu(x));
  }
}

/** Rows by a weight (n, k) and bias (n) each, one after the other, and what follows. */
export function each(
  counter: usize,
  x: usize,
  m: i32,
  k: i32,
  weight: usize,
  bias: usize,
  n: i32,
  follows: i32,
  out: usize,
): void {
  for (let i = next(counter); i < m; i = next(counter)) {
    const row = x + bytes(i * k);
    for (let j: i32 = i * n; j < (i + 1) * n; j += COLUMNS) {
      const to = out + bytes(j);
      ofRow(row, k, weight + bytes(j * k), bias + bytes(j), to);
      if (follows != NONE) follow(to, follows);
    }
  }
}

/** A row by a panel: eight numbers, of four sums each, so that none waits for the one before. */
function ofRow(row: usize, k: i32, panel: usize, bias: usize, out: usize): void {
  let a0 = v128.load(bias);
  let a1 = v128.load(bias, 16);
  let b0 = f32x4.splat(0);
  let b1 = b0;
  const end = row + bytes(k);
  for (; row < end; row += 8, panel += 64) {
    const one = v128.load_splat<f32>(row);
    const two = v128.load_splat<f32>(row, 4);
    a0 = madd(one, v128.load(panel), a0);
    a1 = madd(one, v128.load(panel, 16), a1);
    b0 = madd(two, v128.load(panel, 32), b0);
    b1 = madd(two, v128.load(panel, 48), b1);
  }
  v128.store(out, f32x4.add(a0, b0));
  v128.store(out, f32x4.add(a1, b1), 16);
}

/** Attention among m tokens of queries and keys (m, 2·c), side by side, and values (m, c). */
export function converse(
  counter: usize,
  asked: usize,
  values: usize,
  m: i32,
  c: i32,
  heads: i32,
  out: usize,
): void {
  const d = c / heads;
  const shares = scratch; // up to a multiple of four
  for (let head = next(counter); head < heads; head = next(counter)) {
    for (let i: i32 = 0; i < m; i++) {
      const query = asked + bytes(i * 2 * c + head * d);
      for (let j: i32 = 0; j < m; j++) {
        const key = asked + bytes(j * 2 * c + c + head * d);
        store<f32>(shares + bytes(j), dot(query, key, d));
      }
      const rate = f32x4.splat(<f32>1 / powers(shares, m));
      for (let at: usize = 0; at < bytes(d); at += 16) {
        let seen = f32x4.splat(0);
        for (let j: i32 = 0; j < m; j++) {
          const value = v128.load(values + bytes(j * c + head * d) + at);
          seen = madd(v128.load_splat<f32>(shares + bytes(j)), value, seen);
        }
        v128.store(out + bytes(i * c + head * d) + at, f32x4.mul(seen, rate));
      }
    }
  }
}

/** Numbers to what softmax divides by the sum that this gives. */
function powers(at: usize, count: i32): f32 {
  let most = load<f32>(at);
  for (let i: i32 = 1; i < count; i++) most = max(most, load<f32>(at + bytes(i)));
  let total: f32 = 0;
  for (let i: i32 = 0; i < count; i += 4) {
    const x = exp(f32x4.sub(v128.load(at + bytes(i)), f32x4.splat(most)));
    v128.store(at + bytes(i), x);
    for (let j: i32 = i; j < min(i + 4, count); j++) total += load<f32>(at + bytes(j));
  }
  return total;
}

/** Normalise the sums of rows (m, c) and others (0: none), by a gain and a shift. */
export function settle(
  counter: usize,
  x: usize,
  more: usize,
  m: i32,
  c: i32,
  eps: f32,
  gain: usize,
  shift: usize,
  out: usize,
): void {
  for (let i = next(counter); i < m; i = next(counter)) {
    const row = out + bytes(i * c);
    added(x + bytes(i * c), more ? more + bytes(i * c) : 0, c, row);
    normaliseRow(row, c, eps, gain, shift);
  }
}
