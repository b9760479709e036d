// What is prepared of an image for the mask decoder (docs/adr/0021): products by weights, of all
// positions.
//
// L positions, eight of them a panel: [L / 8][rows][8].

import { addTo, madd } from "./numbers";
import { block, blockOfHalf, COLUMNS, ROWS } from "./product";
import { bytes, next, scratch } from "./threads";

const PART: i32 = 64; // positions
const PANELS: i32 = PART / COLUMNS;

/** A map (c, L) to panels of c + 1 rows, the last of ones. */
export function packImage(counter: usize, from: usize, length: i32, c: i32, out: usize): void {
  for (let panel = next(counter); panel * COLUMNS < length; panel = next(counter)) {
    let at = from + bytes(panel * COLUMNS);
    let to = out + bytes(panel * COLUMNS * (c + 1));
    for (let i: i32 = 0; i < c; i++, at += bytes(length), to += 32) {
      v128.store(to, v128.load(at));
      v128.store(to, v128.load(at, 16), 16);
    }
    v128.store(to, f32x4.splat(1));
    v128.store(to, f32x4.splat(1), 16);
  }
}

/**
 * A weight, n rows of k in strips, by panels of k rows: n rows of `height` in panels. Added to
 * others, where `base` is not 0.
 */
export function across(
  counter: usize,
  x: usize,
  length: i32,
  k: i32,
  weight: usize,
  n: i32,
  base: usize,
  height: i32,
  out: usize,
): void {
  for (
    let first = next(counter) * PANELS;
    first * COLUMNS < length;
    first = next(counter) * PANELS
  ) {
    const from = x + bytes(first * COLUMNS * k);
    for (let i: i32 = 0; i < n; i += ROWS) {
      const strip = weight + bytes(i * k);
      for (let panel: i32 = 0; panel < PANELS; panel++) {
        const at = bytes(((first + panel) * height + i) * COLUMNS);
        const to = base ? scratch : out + at;
        block(strip, from + bytes(panel * COLUMNS * k), k, 0, to, 32);
        if (base)
          for (let j: usize = 0; j < 128; j += 16) addTo(scratch + j, base + at + j, out + at + j);
      }
    }
  }
}

/**
 * The first k rows of panels of `height` by a weight of n columns, in panels of k, and a bias (0:
 * none): a row a position. Eight columns lie `group` bytes after those before, a position's `pitch`
 * after that of the one before. Added to others, where `base` is not 0.
 */
export function along(
  counter: usize,
  x: usize,
  length: i32,
  height: i32,
  k: i32,
  weight: usize,
  bias: usize,
  n: i32,
  base: usize,
  group: usize,
  pitch: usize,
  out: usize,
): void {
  for (let first = next(counter) * PART; first < length; first = next(counter) * PART) {
    for (let j: i32 = 0; j < n; j += COLUMNS) {
      const panel = weight + bytes(j * k);
      const plus = bias ? bias + bytes(j) : 0;
      for (let i = first; i < first + PART; i += ROWS) {
        const half = x + bytes((i & ~7) * height + (i & 7));
        const at = <usize>(j >> 3) * group + <usize>i * pitch;
        if (!base) {
          blockOfHalf(half, panel, k, plus, out + at, pitch);
          continue;
        }
        blockOfHalf(half, panel, k, plus, scratch, 32);
        for (let row: usize = 0; row < <usize>ROWS; row++) {
          const to = at + row * pitch;
          addTo(scratch + (row << 5), base + to, out + to);
          addTo(scratch + (row << 5) + 16, base + to + 16, out + to + 16);
        }
      }
    }
  }
}

/**
 * Sums of squares of positions as both norms get them, (2, L): of panels of c + 1 rows, to which
 * `plus` is added, less their mean; and of that by a gain, less its mean.
 */
export function squares(
  counter: usize,
  x: usize,
  length: i32,
  c: i32,
  plus: usize,
  gain: usize,
  out: usize,
): void {
  const share = f32x4.splat(<f32>1 / <f32>c);
  for (let at = next(counter) << 2; at < length; at = next(counter) << 2) {
    const from = x + bytes((at & ~7) * (c + 1) + (at & 7));
    let mean = f32x4.splat(0);
    for (let i: i32 = 0; i < c; i++) mean = f32x4.add(mean, plused(from, plus, i));
    mean = f32x4.mul(mean, share);
    let total = f32x4.splat(0);
    let mean2 = total;
    for (let i: i32 = 0; i < c; i++) {
      const centred = f32x4.sub(plused(from, plus, i), mean);
      total = madd(centred, centred, total);
      mean2 = madd(centred, v128.load_splat<f32>(gain + bytes(i)), mean2);
    }
    v128.store(out + bytes(at), total);
    mean2 = f32x4.mul(mean2, share);
    total = f32x4.splat(0);
    for (let i: i32 = 0; i < c; i++) {
      const centred = f32x4.sub(plused(from, plus, i), mean);
      const stretched = f32x4.mul(centred, v128.load_splat<f32>(gain + bytes(i)));
      const again = f32x4.sub(stretched, mean2);
      total = madd(again, again, total);
    }
    v128.store(out + bytes(length + at), total);
  }
}

function plused(from: usize, plus: usize, row: i32): v128 {
  return f32x4.add(v128.load(from + bytes(row * COLUMNS)), v128.load_splat<f32>(plus + bytes(row)));
}
