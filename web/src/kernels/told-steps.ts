// What tokens tell the image, and ask of what they told: products of few rows, whatever reads them.
//
// A layer tells K = heads·t rows, by t tokens' values of d numbers a head: row head·t + token. A
// later layer's come after them. The names are those of anymask/models/few_rows/.

import { dot, madd } from "./numbers";
import { ROWS } from "./product";
import { bytes, next, scratch } from "./threads";

/** Tokens' numbers (t, heads·d) as strips of each head: [heads][t / 4][d][4]. */
export function packHeads(counter: usize, x: usize, t: i32, heads: i32, d: i32, out: usize): void {
  const rows = (t + ROWS - 1) & ~(ROWS - 1);
  for (let head = next(counter); head < heads; head = next(counter)) {
    for (let i: i32 = 0; i < rows; i++) {
      let to = out + bytes((head * rows + (i & ~3)) * d + (i & 3));
      let from = x + bytes((min(i, t - 1) * heads + head) * d);
      for (let j: i32 = 0; j < d; j++, to += 16, from += 4) store<f32>(to, load<f32>(from));
    }
  }
}

/** A layer's rows as what comes next reads them: (K, n), by a weight (heads·d, n) and a bias. */
export function tellRows(
  counter: usize,
  values: usize,
  t: i32,
  heads: i32,
  d: i32,
  weight: usize,
  bias: usize,
  n: i32,
  out: usize,
): void {
  for (let head = next(counter); head < heads; head = next(counter)) {
    for (let i: i32 = 0; i < t; i++) {
      const value = values + bytes((i * heads + head) * d);
      ofValue(value, d, weight + bytes(head * d * n), bias, n, out + bytes((head * t + i) * n));
    }
  }
}

/** d numbers by a weight (d, n) and a bias; n in fours. */
function ofValue(value: usize, d: i32, weight: usize, bias: usize, n: i32, out: usize): void {
  for (let at: usize = 0; at < bytes(n); at += 16) {
    let row = v128.load(bias + at);
    let by = weight + at;
    for (let j: i32 = 0; j < d; j++, by += bytes(n)) {
      row = madd(v128.load_splat<f32>(value + bytes(j)), v128.load(by), row);
    }
    v128.store(out + at, row);
  }
}

/**
 * What tokens ask (t, heads·d) of rows (count, n), whose numbers for that begin at a column, in
 * strips of four of the K that ask: [K / 4][count][4].
 */
export function pull(
  counter: usize,
  asked: usize,
  t: i32,
  heads: i32,
  d: i32,
  rows: usize,
  n: i32,
  column: i32,
  count: i32,
  out: usize,
): void {
  for (let head = next(counter); head < heads; head = next(counter)) {
    for (let i: i32 = 0; i < t; i++) {
      const by = asked + bytes((i * heads + head) * d);
      let row = rows + bytes(column + head * d);
      let to = inStrips(out, head * t + i, count);
      for (let j: i32 = 0; j < count; j++, row += bytes(n), to += 16) {
        store<f32>(to, dot(by, row, d));
      }
    }
  }
}

/** Where a row of strips begins, each of four rows by `count` columns. */
function inStrips(strips: usize, row: i32, count: i32): usize {
  return strips + bytes((row & ~3) * count + (row & 3));
}

/**
 * The rows of two layers by each other, times `factor`: `form` is (heads·d + 1, heads·d + 4), of
 * their values and 1. In strips of four rows of the one, by `count` columns of which the other's
 * begin at `column`.
 */
export function among(
  counter: usize,
  values: usize,
  others: usize,
  t: i32,
  heads: i32,
  d: i32,
  form: usize,
  factor: f32,
  column: i32,
  count: i32,
  out: usize,
): void {
  const inner = heads * d;
  const n = inner + 4;
  for (let head = next(counter); head < heads; head = next(counter)) {
    for (let i: i32 = 0; i < t; i++) {
      const value = values + bytes(i * inner + head * d);
      ofValue(value, d, form + bytes(head * d * n), form + bytes(inner * n), n, scratch);
      const always = load<f32>(scratch + bytes(inner));
      let to = inStrips(out, head * t + i, count) + ((<usize>column) << 4);
      for (let other: i32 = 0; other < heads; other++) {
        for (let j: i32 = 0; j < t; j++, to += 16) {
          const product = dot(scratch + bytes(other * d), others + bytes(j * inner + other * d), d);
          store<f32>(to, factor * (product + always));
        }
      }
    }
  }
}

/** Columns of rows (count, n) in panels of eight: [width / 8][height][8], of which these are the first. */
export function packRows(
  counter: usize,
  rows: usize,
  count: i32,
  n: i32,
  column: i32,
  width: i32,
  height: i32,
  out: usize,
): void {
  for (let j = next(counter) << 3; j < width; j = next(counter) << 3) {
    let from = rows + bytes(column + j);
    let to = out + bytes(j * height);
    for (let i: i32 = 0; i < count; i++, from += bytes(n), to += 32) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
    }
  }
}
