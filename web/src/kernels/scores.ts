// What tokens ask of the image's positions, a panel of them at a time.
//
// L positions, eight of them a panel: [L / 8][rows][8]. K = heads·t rows of what tokens ask or tell,
// row head·t + token. A head's strips come from packHeads; where t is no multiple of four, its last
// strip gives rows too many, which the next head's overwrite.

import { addAll, madd } from "./numbers";
import { block, COLUMNS, ROWS } from "./product";
import { bytes } from "./threads";

/**
 * What K rows ask of a panel's positions, [K][8]: by a head's strips of the image's own, and by
 * strips of K (pull) of `count` steps, both by `rates`; and by the head's strips of where positions
 * are. steps, rates: 0 where no layer has told anything. rest: for (K + 4) rows, twice.
 */
export function scores(
  strips: usize,
  t: i32,
  heads: i32,
  d: i32,
  own: usize,
  where: usize,
  pull: usize,
  count: i32,
  steps: usize,
  rates: usize,
  rest: usize,
  out: usize,
): void {
  const k = heads * t;
  const places = rest + bytes((k + ROWS) * COLUMNS);
  byHead(strips, t, heads, d, own, out);
  byHead(strips, t, heads, d, where, places);
  if (!steps) {
    addAll(out, places, k * COLUMNS);
    return;
  }
  for (let i: i32 = 0; i < k; i += ROWS) {
    block(pull + bytes(i * count), steps, count, 0, rest + bytes(i * COLUMNS), 32);
  }
  const one = v128.load(rates);
  const two = v128.load(rates, 16);
  for (let i: usize = 0; i < bytes(k * COLUMNS); i += 32) {
    const low = f32x4.add(v128.load(out + i), v128.load(rest + i));
    const high = f32x4.add(v128.load(out + i, 16), v128.load(rest + i, 16));
    v128.store(out + i, madd(low, one, v128.load(places + i)));
    v128.store(out + i, madd(high, two, v128.load(places + i, 16)), 16);
  }
}

/** Each head's strips by its d rows of a panel: [K][8], and room for rows too many. */
export function byHead(strips: usize, t: i32, heads: i32, d: i32, panel: usize, out: usize): void {
  for (let head: i32 = 0; head < heads; head++, panel += bytes(d * COLUMNS)) {
    for (let i: i32 = 0; i < t; i += ROWS, strips += bytes(ROWS * d)) {
      block(strips, panel, d, 0, out + bytes((head * t + i) * COLUMNS), 32);
    }
  }
}

/** 1 / deviation of eight positions. */
export function rated(deviations: usize, to: usize): void {
  const one = f32x4.splat(1);
  v128.store(to, f32x4.div(one, v128.load(deviations)));
  v128.store(to, f32x4.div(one, v128.load(deviations, 16)), 16);
}
