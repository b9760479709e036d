// What threads do together, a step at a time: each takes the next part of it until none is left,
// and waits for the others. All numbers are float32 in one shared memory; maps are (h, w, c),
// weights packed as product.ts has them, and `zeros` is a row of a map.
//
// Rows of a map may repeat those before them, as they do where a picture's padding is: those are
// left out, and copied. `known` is where a step finds which: the first, and the first after them,
// in the units that it counts in.

import { attend } from "./attention";
import { depthwiseRow, packWindows } from "./convolution";
import { addAll, geluAll } from "./numbers";
import { normaliseRow, pack, packGelu, packNormal, product } from "./product";
import { bytes, next, scratch } from "./threads";

export { meet, useScratch } from "./threads";

const PART: i32 = 64; // rows that stay in the second cache while a weight goes by
const WINDOWS: i32 = 32; // as many that are nine times as long
const BAND: i32 = 32; // rows of a map

function isKnown(known: usize, first: i32, end: i32): bool {
  return first >= load<i32>(known) && end <= load<i32>(known, 4);
}

/** out = x·weight + bias; of normalised rows if eps is given; then GELU, or added to `out`. */
export function dense(
  counter: usize,
  x: usize,
  m: i32,
  k: i32,
  eps: f32,
  weight: usize,
  bias: usize,
  n: i32,
  withGelu: bool,
  adds: bool,
  out: usize,
  known: usize,
): void {
  for (let first = next(counter) * PART; first < m; first = next(counter) * PART) {
    const rows = min(PART, m - first);
    if (isKnown(known, first, first + rows)) continue;
    const from = x + bytes(first * k);
    if (eps) packNormal(from, rows, k, eps, scratch);
    else pack(from, rows, k, scratch);
    const answer = out + bytes(first * n);
    const to = adds ? scratch + bytes(rows * k) : answer;
    product(scratch, rows, k, weight, bias, n, to);
    if (withGelu) geluAll(to, rows * n);
    if (adds) addAll(answer, to, rows * n);
  }
}

/** x += GELU(normal(x)·weight1 + bias1)·weight2 + bias2. */
export function mlp(
  counter: usize,
  x: usize,
  m: i32,
  c: i32,
  hidden: i32,
  eps: f32,
  weight1: usize,
  bias1: usize,
  weight2: usize,
  bias2: usize,
  known: usize,
): void {
  for (let first = next(counter) * PART; first < m; first = next(counter) * PART) {
    const rows = min(PART, m - first);
    if (isKnown(known, first, first + rows)) continue;
    const here = x + bytes(first * c);
    const middle = scratch + bytes(rows * hidden);
    packNormal(here, rows, c, eps, scratch);
    product(scratch, rows, c, weight1, bias1, hidden, middle);
    packGelu(middle, rows, hidden, scratch);
    product(scratch, rows, hidden, weight2, bias2, c, middle);
    addAll(here, middle, rows * c);
  }
}

/** A 3×3 convolution (h, w, c) to (h / stride, w / stride, n); k: 9·c up to a multiple of 4. */
export function convolution(
  counter: usize,
  x: usize,
  h: i32,
  w: i32,
  c: i32,
  stride: i32,
  weight: usize,
  bias: usize,
  n: i32,
  withGelu: bool,
  zeros: usize,
  out: usize,
  known: usize,
): void {
  const k = (9 * c + 3) & ~3;
  const m = (h / stride) * (w / stride);
  for (let first = next(counter) * WINDOWS; first < m; first = next(counter) * WINDOWS) {
    const rows = min(WINDOWS, m - first);
    if (isKnown(known, first, first + rows)) continue;
    const to = out + bytes(first * n);
    packWindows(x, h, w, c, stride, first, rows, k, zeros, scratch);
    product(scratch, rows, k, weight, bias, n, to);
    if (withGelu) geluAll(to, rows * n);
  }
}

/** A depth-wise 3×3 convolution. */
export function depthwise(
  counter: usize,
  x: usize,
  h: i32,
  w: i32,
  c: i32,
  stride: i32,
  weight: usize,
  bias: usize,
  withGelu: bool,
  zeros: usize,
  out: usize,
  known: usize,
): void {
  const row = bytes(w * c);
  const answer = (w / stride) * c;
  const count = h / stride;
  for (let y = next(counter); y < count; y = next(counter)) {
    if (isKnown(known, y, y + 1)) continue;
    const middle = y * stride;
    const here = x + row * <usize>middle;
    const above = middle ? here - row : zeros;
    const below = middle + 1 < h ? here + row : zeros;
    const to = out + bytes(y * answer);
    depthwiseRow(above, here, below, w, c, stride, weight, bias, to);
    if (withGelu) geluAll(to, answer);
  }
}

/** An inverted residual (MBConv): GELU(x + project(GELU(depth-wise(GELU(expand(x)))))). */
export function mbconv(
  counter: usize,
  x: usize,
  h: i32,
  w: i32,
  c: i32,
  hidden: i32,
  expand: usize,
  expandBias: usize,
  weight: usize,
  bias: usize,
  project: usize,
  projectBias: usize,
  zeros: usize,
  out: usize,
  known: usize,
): void {
  const row = bytes(w * hidden); // of the hidden map, of which three are kept
  const mixed = scratch + row * 3;
  const packed = mixed + row;
  const knownTop = load<i32>(known);
  const knownBottom = load<i32>(known, 4);
  for (let part = next(counter); part * BAND < h; part = next(counter)) {
    let top = part * BAND;
    let bottom = min(top + BAND, h);
    if (isKnown(known, top, bottom)) continue;
    if (top < knownTop && knownTop < bottom && bottom <= knownBottom) bottom = knownTop;
    if (knownTop <= top && top < knownBottom && knownBottom < bottom) top = knownBottom;
    for (let y = max(top - 1, 0); y <= bottom; y++) {
      const hiddenRow = scratch + row * <usize>(y % 3);
      for (let i: i32 = 0; y < h && i < w; i += PART) {
        const rows = min(PART, w - i);
        const to = hiddenRow + bytes(i * hidden);
        pack(x + bytes((y * w + i) * c), rows, c, packed);
        product(packed, rows, c, expand, expandBias, hidden, to);
        geluAll(to, rows * hidden);
      }
      const ready = y - 1;
      if (ready < top) continue;
      const above = ready ? scratch + row * <usize>((ready + 2) % 3) : zeros;
      const here = scratch + row * <usize>(ready % 3);
      const below = y < h ? hiddenRow : zeros;
      depthwiseRow(above, here, below, w, hidden, 1, weight, bias, mixed);
      for (let i: i32 = 0; i < w; i += PART) {
        const rows = min(PART, w - i);
        const at = bytes((ready * w + i) * c);
        packGelu(mixed + bytes(i * hidden), rows, hidden, packed);
        product(packed, rows, hidden, project, projectBias, c, out + at);
        addAll(out + at, x + at, rows * c);
        geluAll(out + at, rows * c);
      }
    }
  }
}

/**
 * Window attention of an (h, w) grid: each head's queries, keys and values side by side in `qkv`.
 * fill: those of a token beyond the grid. bias: `attend`'s, a head after the other.
 */
export function attention(
  counter: usize,
  qkv: usize,
  h: i32,
  w: i32,
  c: i32,
  heads: i32,
  side: i32,
  fill: usize,
  bias: usize,
  out: usize,
  known: usize,
): void {
  const n = side * side;
  const eights = (n + 7) & ~7;
  const d = c / heads;
  const across = (w + side - 1) / side;
  const parts = ((h + side - 1) / side) * across * heads;
  const tokens = scratch;
  const outs = tokens + bytes(eights);
  const rest = outs + bytes(eights);
  for (let part = next(counter); part < parts; part = next(counter)) {
    const head = part % heads;
    const row = part / heads / across; // of windows
    if (isKnown(known, row, row + 1)) continue;
    const top = row * side;
    const left = ((part / heads) % across) * side;
    const at = bytes(head * 3 * d);
    for (let i: i32 = 0; i < eights; i++) {
      const y = top + i / side;
      const x = left + (i % side);
      const inside = i < n && y < h && x < w;
      const token = y * w + x;
      store<usize>(tokens + bytes(i), (inside ? qkv + bytes(token * 3 * c) : fill) + at);
      store<usize>(outs + bytes(i), inside ? out + bytes(token * c + head * d) : 0);
    }
    attend(tokens, outs, n, d, bias + bytes(head * eights * n), rest);
  }
}

/** Normalise rows (m, c) in place, by a gain and a shift. */
export function normalise(
  counter: usize,
  x: usize,
  m: i32,
  c: i32,
  eps: f32,
  gain: usize,
  shift: usize,
): void {
  for (let first = next(counter) * PART; first < m; first = next(counter) * PART) {
    for (let i = first; i < min(first + PART, m); i++) {
      normaliseRow(x + bytes(i * c), c, eps, gain, shift);
    }
  }
}

/** Copy rows that repeat those `period` before them: `known` has the first and the first after. */
export function repeat(counter: usize, map: usize, row: i32, period: usize, known: usize): void {
  const first = load<i32>(known);
  const end = load<i32>(known, 4);
  const back = load<i32>(period);
  for (let y = first + next(counter); y < end; y = first + next(counter)) {
    const from = first - back + ((y - first) % back); // never one that is copied
    memory.copy(map + bytes(y * row), map + bytes(from * row), bytes(row));
  }
}
