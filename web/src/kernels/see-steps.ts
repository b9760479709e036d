// What tokens see of the image, which is a sum of few rows (docs/adr/0021).
//
// Letters and layouts are those of scores.ts.

import { exp, madd } from "./numbers";
import { block, COLUMNS, ROWS, transpose } from "./product";
import { rated, scores } from "./scores";
import { bytes, next, scratch } from "./threads";

const PART: i32 = 64; // positions
const PANELS: i32 = PART / COLUMNS;

/**
 * What K rows see of the image, of each part of its positions by itself: for each row the largest
 * score, the sum of powers, and d numbers. own, where: rows of panels, of which there are `height`
 * and `places`; values: [heads·d / 8][L][8]; told: what `count` rows show, (count, n), from a column
 * on. pull, steps (`ranks` in a panel), deviations, told: 0 where no layer has told anything.
 */
export function see(
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
  values: usize,
  pull: usize,
  count: i32,
  steps: usize,
  ranks: i32,
  deviations: usize,
  told: usize,
  n: i32,
  out: usize,
): void {
  const k = heads * t;
  const panel = bytes((k + ROWS) * COLUMNS);
  const asked = scratch; // scores of the part's panels
  const rates = asked + <usize>PANELS * panel;
  const rest = rates + bytes(PART);
  const turned = rest + 2 * panel; // steps [count / 8][64][8]
  const strip = turned + bytes(((count + 7) & ~7) * PART);
  const shares = strip + bytes(ROWS * PART); // of `count` rows
  const size = d + 2;
  for (let part = next(counter); part * PART < length; part = next(counter)) {
    for (let i: i32 = 0; i < PANELS; i++) {
      const at = part * PANELS + i;
      const rate = rates + bytes(i * COLUMNS);
      if (steps) rated(deviations + bytes(at * COLUMNS), rate);
      scores(
        strips,
        t,
        heads,
        d,
        own + bytes(at * height * COLUMNS),
        where + bytes(at * places * COLUMNS),
        pull,
        count,
        steps ? steps + bytes(at * ranks * COLUMNS) : 0,
        rate,
        rest,
        asked + <usize>i * panel,
      );
    }
    const answer = out + bytes(part * k * size);
    for (let row: i32 = 0; row < k; row++) {
      powers(asked + bytes(row * COLUMNS), panel, steps ? rates : 0, answer + bytes(row * size));
    }
    for (let head: i32 = 0; head < heads; head++) {
      for (let i: i32 = 0; i < t; i += ROWS) {
        turn(asked + bytes((head * t + i) * COLUMNS), panel, strip);
        const rows = min(ROWS, t - i);
        const to = answer + bytes((head * t + i) * size + 2);
        for (let j: i32 = 0; j < d; j += COLUMNS) {
          const shown =
            values + bytes(((head * d + j) >> 3) * length * COLUMNS + part * PART * COLUMNS);
          block(strip, shown, PART, 0, shares, 32);
          for (let one: i32 = 0; one < rows; one++) {
            memory.copy(to + bytes(one * size + j), shares + bytes(one * COLUMNS), 32);
          }
        }
      }
    }
    if (!steps) continue;
    for (let i: i32 = 0; i < PANELS; i++) {
      turnSteps(
        steps + bytes((part * PANELS + i) * ranks * COLUMNS),
        count,
        turned + bytes(i * 64),
      );
    }
    const wide = (count + 7) & ~7;
    for (let i: i32 = 0; i < k; i += ROWS) {
      turn(asked + bytes(i * COLUMNS), panel, strip);
      for (let j: i32 = 0; j < wide; j += COLUMNS) {
        block(strip, turned + bytes(j * PART), PART, 0, shares + bytes(j), bytes(wide));
      }
      for (let row = i; row < min(i + ROWS, k); row++) {
        const from = told + bytes((row / t) * d);
        show(shares + bytes((row - i) * wide), count, from, n, d, answer + bytes(row * size + 2));
      }
    }
  }
}

/** A row's scores in all panels to powers by rates (0: by none); their largest and sum to `out`. */
function powers(row: usize, panel: usize, rates: usize, out: usize): void {
  let most = v128.load(row);
  for (let i: usize = 0; i < <usize>PANELS; i++) {
    most = f32x4.pmax(most, v128.load(row + i * panel));
    most = f32x4.pmax(most, v128.load(row + i * panel, 16));
  }
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1));
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 1, 0, 3, 2));
  let total = f32x4.splat(0);
  for (let i: usize = 0; i < <usize>PANELS; i++, row += panel) {
    const one = exp(f32x4.sub(v128.load(row), most));
    const two = exp(f32x4.sub(v128.load(row, 16), most));
    total = f32x4.add(total, f32x4.add(one, two));
    v128.store(row, rates ? f32x4.mul(one, v128.load(rates + (i << 5))) : one);
    v128.store(row, rates ? f32x4.mul(two, v128.load(rates + (i << 5), 16)) : two, 16);
  }
  total = f32x4.add(total, v128.shuffle<f32>(total, total, 2, 3, 0, 1));
  total = f32x4.add(total, v128.shuffle<f32>(total, total, 1, 0, 3, 2));
  store<f32>(out, f32x4.extract_lane(most, 0));
  store<f32>(out, f32x4.extract_lane(total, 0), 4);
}

/** Four rows of a part's panels as a strip of its positions, [64][4]. */
function turn(rows: usize, panel: usize, to: usize): void {
  for (let i: i32 = 0; i < PANELS; i++, rows += panel, to += 128) {
    quarter(rows, to, 16);
    quarter(rows + 16, to + 64, 16);
  }
}

/** 4×4 numbers, of rows 32 bytes apart, turned. */
function quarter(rows: usize, to: usize, pitch: usize): void {
  const a = v128.load(rows);
  const b = v128.load(rows, 32);
  const c = v128.load(rows, 64);
  const d = v128.load(rows, 96);
  transpose(a, b, c, d, to, pitch);
}

/** A panel's steps [count][8] as rows of eight, one a position: [count / 8][.][8], 64 positions. */
function turnSteps(steps: usize, count: i32, to: usize): void {
  for (let i: i32 = 0; i < count; i += 4, steps += 128) {
    const at = to + bytes((i & ~7) * PART + (i & 4));
    quarter(steps, at, 32);
    quarter(steps + 16, at + 128, 32);
  }
}

/** Add what `count` rows show, d numbers each and n apart, by their shares: eight at a time. */
function show(shares: usize, count: i32, told: usize, n: i32, d: i32, out: usize): void {
  for (let j: usize = 0; j < bytes(d); j += 32) {
    let a0 = v128.load(out + j);
    let a1 = v128.load(out + j, 16);
    let b0 = f32x4.splat(0); // of every other row, so that none waits for the one before
    let b1 = b0;
    let from = told + j;
    let i: i32 = 0;
    for (; i + 1 < count; i += 2, from += 2 * bytes(n)) {
      const one = v128.load_splat<f32>(shares + bytes(i));
      const two = v128.load_splat<f32>(shares + bytes(i), 4);
      a0 = madd(one, v128.load(from), a0);
      a1 = madd(one, v128.load(from, 16), a1);
      b0 = madd(two, v128.load(from + bytes(n)), b0);
      b1 = madd(two, v128.load(from + bytes(n), 16), b1);
    }
    if (i < count) {
      const one = v128.load_splat<f32>(shares + bytes(i));
      a0 = madd(one, v128.load(from), a0);
      a1 = madd(one, v128.load(from, 16), a1);
    }
    v128.store(out + j, f32x4.add(a0, b0));
    v128.store(out + j, f32x4.add(a1, b1), 16);
  }
}

/** What `see` gave of all parts, put together: (t, heads·d); plus what is always seen (0: nothing). */
export function gather(
  counter: usize,
  found: usize,
  parts: i32,
  t: i32,
  heads: i32,
  d: i32,
  always: usize,
  out: usize,
): void {
  const k = heads * t;
  const pitch = bytes(k * (d + 2));
  for (let head = next(counter); head < heads; head = next(counter)) {
    for (let i: i32 = 0; i < t; i++) {
      const row = found + bytes((head * t + i) * (d + 2));
      const to = out + bytes((i * heads + head) * d);
      let most = load<f32>(row);
      for (let part: i32 = 1; part < parts; part++)
        most = max(most, load<f32>(row + <usize>part * pitch));
      let total: f32 = 0;
      memory.fill(to, 0, bytes(d));
      for (let part: i32 = 0; part < parts; part++) {
        const from = row + <usize>part * pitch;
        const share = f32x4.extract_lane(exp(f32x4.splat(load<f32>(from) - most)), 0);
        total += share * load<f32>(from, 4);
        for (let j: usize = 0; j < bytes(d); j += 16) {
          v128.store(to + j, madd(f32x4.splat(share), v128.load(from + 8 + j), v128.load(to + j)));
        }
      }
      const rate = f32x4.splat(<f32>1 / total);
      for (let j: usize = 0; j < bytes(d); j += 16) {
        const plus = always ? v128.load(always + bytes(head * d) + j) : f32x4.splat(0);
        v128.store(to + j, madd(v128.load(to + j), rate, plus));
      }
    }
  }
}
