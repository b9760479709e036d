// Attention in a window, one head: 8 queries at a time against all keys, transposed throughout, so
// that softmax runs down a column, one query a lane.
//
// n tokens in the window, d numbers a head.

import { exp, madd } from "./numbers";
import { block, transpose } from "./product";

/**
 * What each query sees. tokens: addresses (n up to a multiple of 8) of each token's queries, keys
 * and values, d numbers each; outs: where its answer goes, 0 for one that nobody reads. bias:
 * [panel of 8 queries][n][8]. scratch: 4·(3·n·d + 8·n) bytes and some.
 */
export function attend(
  tokens: usize,
  outs: usize,
  n: i32,
  d: i32,
  bias: usize,
  scratch: usize,
): void {
  const fours = (n + 3) & ~3;
  const eights = (n + 7) & ~7;
  const width = (<usize>d) << 2;
  const queries = scratch;
  const keys = queries + <usize>eights * width;
  const values = keys + <usize>fours * width;
  const scores = values + <usize>fours * width;
  packTokens(tokens, eights, d, queries, 32);
  packTokens(tokens, fours, d, keys, 16, width);
  packValues(tokens, n, d, values);
  for (let panel: i32 = 0; panel < eights; panel += 8) {
    const query = queries + <usize>panel * width;
    if (isUnread(outs + ((<usize>panel) << 2))) {
      bias += (<usize>n) << 5;
      continue;
    }
    for (let key: i32 = 0; key < fours; key += 4) {
      block(keys + <usize>key * width, query, d, 0, scores + ((<usize>key) << 5), 32);
    }
    softmax(scores, bias, n);
    bias += (<usize>n) << 5;
    const sums = scores + ((<usize>fours) << 5);
    const first = f32x4.div(f32x4.splat(1), v128.load(sums));
    const second = f32x4.div(f32x4.splat(1), v128.load(sums, 16));
    const seen = sums + 32;
    for (let i: i32 = 0; i < d; i += 4) {
      block(values + <usize>i * ((<usize>n) << 2), scores, n, 0, seen, 32);
      spread(seen, first, outs + ((<usize>panel) << 2), (<usize>i) << 2);
      spread(seen + 16, second, outs + ((<usize>panel + 4) << 2), (<usize>i) << 2);
    }
  }
}

/** Whether nobody reads any of eight answers: those of tokens beyond the map. */
function isUnread(outs: usize): bool {
  return !v128.any_true(v128.or(v128.load(outs), v128.load(outs, 16)));
}

/** Tokens' numbers at `offset` in strips of 4 (pitch 16) or panels of 8 (pitch 32): [d][4 or 8]. */
function packTokens(
  tokens: usize,
  count: i32,
  d: i32,
  to: usize,
  pitch: usize,
  offset: usize = 0,
): void {
  for (let i: i32 = 0; i < count; i += 4) {
    const a = load<usize>(tokens) + offset;
    const b = load<usize>(tokens, 4) + offset;
    const c = load<usize>(tokens, 8) + offset;
    const e = load<usize>(tokens, 12) + offset;
    let at = to;
    for (let j: usize = 0; j < (<usize>d) << 2; j += 16) {
      transpose(v128.load(a + j), v128.load(b + j), v128.load(c + j), v128.load(e + j), at, pitch);
      at += pitch << 2;
    }
    tokens += 16;
    const half = pitch == 32 && !(i & 4); // the other half of a panel is next
    to = half ? to + 16 : pitch == 32 ? to - 16 + (((<usize>d) << 2) << 3) : at;
  }
}

/** Values in strips of 4 of their d numbers: [d / 4][n][4]. */
function packValues(tokens: usize, n: i32, d: i32, to: usize): void {
  const strip = (<usize>n) << 4;
  const offset = ((<usize>d) << 2) * 2;
  for (let i: i32 = 0; i < n; i++, tokens += 4, to += 16) {
    let from = load<usize>(tokens) + offset;
    let at = to;
    for (let j: i32 = 0; j < d; j += 4, from += 16, at += strip) v128.store(at, v128.load(from));
  }
}

/** Scores [n][8] and their bias to what softmax divides; the sums of eight queries come after. */
function softmax(scores: usize, bias: usize, n: i32): void {
  const end = scores + ((<usize>n) << 5);
  let most0 = f32x4.splat(-Infinity);
  let most1 = most0;
  for (let at = scores; at < end; at += 32, bias += 32) {
    const one = f32x4.add(v128.load(at), v128.load(bias));
    const two = f32x4.add(v128.load(at, 16), v128.load(bias, 16));
    v128.store(at, one);
    v128.store(at, two, 16);
    most0 = f32x4.pmax(most0, one);
    most1 = f32x4.pmax(most1, two);
  }
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  for (let at = scores; at < end; at += 32) {
    const one = exp(f32x4.sub(v128.load(at), most0));
    const two = exp(f32x4.sub(v128.load(at, 16), most1));
    v128.store(at, one);
    v128.store(at, two, 16);
    sum0 = f32x4.add(sum0, one);
    sum1 = f32x4.add(sum1, two);
  }
  const sums = scores + ((<usize>((n + 3) & ~3)) << 5);
  v128.store(sums, sum0);
  v128.store(sums, sum1, 16);
}

/** Four numbers of four queries, a lane each and rows 32 bytes apart, to where each belongs. */
function spread(seen: usize, scale: v128, outs: usize, offset: usize): void {
  const a = f32x4.mul(v128.load(seen), scale);
  const b = f32x4.mul(v128.load(seen, 32), scale);
  const c = f32x4.mul(v128.load(seen, 64), scale);
  const d = f32x4.mul(v128.load(seen, 96), scale);
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  put(outs, offset, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  put(outs + 4, offset, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
  put(outs + 8, offset, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
  put(outs + 12, offset, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
}

function put(outs: usize, offset: usize, numbers: v128): void {
  const out = load<usize>(outs);
  if (out) v128.store(out + offset, numbers);
}
