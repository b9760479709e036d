// Four numbers at a time. Coefficients were fitted by least squares, with weights that level the
// largest error: of GELU 1.5e-6, of the power relative 1e-7.

/** a·b + c, rounded once where the processor can. */
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** x·Φ(x): Φ - ½ as an odd rational function of x, which is a constant beyond ±5.5. */
export function gelu(x: v128): v128 {
  const near = f32x4.pmax(f32x4.pmin(x, f32x4.splat(5.5)), f32x4.splat(-5.5));
  const z = f32x4.mul(near, near);
  let p = f32x4.splat(2.22174439e-8);
  p = madd(p, z, f32x4.splat(6.5305876e-6));
  p = madd(p, z, f32x4.splat(0.000182837786));
  p = madd(p, z, f32x4.splat(0.00476149376));
  p = madd(p, z, f32x4.splat(0.0351403467));
  p = madd(p, z, f32x4.splat(0.398941994));
  let q = f32x4.splat(1.19543074e-6);
  q = madd(q, z, f32x4.splat(7.86036544e-5));
  q = madd(q, z, f32x4.splat(0.00196231971));
  q = madd(q, z, f32x4.splat(0.0293975566));
  q = madd(q, z, f32x4.splat(0.254747361));
  q = madd(q, z, f32x4.splat(1));
  return f32x4.mul(x, madd(near, f32x4.div(p, q), f32x4.splat(0.5)));
}

/** e to a power of at most 0; nothing below -87. */
export function exp(x: v128): v128 {
  const power = f32x4.mul(f32x4.pmax(x, f32x4.splat(-87)), f32x4.splat(1.44269504));
  const whole = f32x4.nearest(power);
  const part = f32x4.sub(power, whole);
  let p = f32x4.splat(0.000153375775);
  p = madd(p, part, f32x4.splat(0.00133998599));
  p = madd(p, part, f32x4.splat(0.00961851981));
  p = madd(p, part, f32x4.splat(0.0555032901));
  p = madd(p, part, f32x4.splat(0.240226462));
  p = madd(p, part, f32x4.splat(0.693147182));
  p = madd(p, part, f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(i32x4.trunc_sat_f32x4_s(whole), 23));
}

/** The four of a vector added up. */
export function sum(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) +
    f32x4.extract_lane(x, 1) +
    f32x4.extract_lane(x, 2) +
    f32x4.extract_lane(x, 3)
  );
}

/** The products of d numbers each, which four divides, added up. */
export function dot(a: usize, b: usize, d: i32): f32 {
  let total = f32x4.splat(0);
  for (let at: usize = 0; at < (<usize>d) << 2; at += 16) {
    total = madd(v128.load(a + at), v128.load(b + at), total);
  }
  return sum(total);
}

/** GELU of `count` numbers in place, four at a time. */
export function geluAll(at: usize, count: i32): void {
  const end = at + ((<usize>count) << 2);
  for (; at < end; at += 16) v128.store(at, gelu(v128.load(at)));
}

/** Add numbers to others, four at a time. */
export function addAll(to: usize, from: usize, count: i32): void {
  const end = to + ((<usize>count) << 2);
  for (; to < end; to += 16, from += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  }
}

/** The sums of four numbers each. */
export function addTo(one: usize, other: usize, to: usize): void {
  v128.store(to, f32x4.add(v128.load(one), v128.load(other)));
}
