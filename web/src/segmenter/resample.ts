// Shrinking photographs byte for byte as Pillow does: the encoder was trained on its filter, and the
// browser's own differs enough to move a mask's border. Two passes of a triangle as wide as the
// source pixels that one result covers, each rounded to 8 bits.

/** Pixels row by row, `channels` bytes each. */
export interface Raster {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

const FRACTION_BITS = 22; // 8 bits of a pixel, and two spare so that no sum overflows an int32

/** Red, green and blue at the new size, with `Image.Resampling.BILINEAR` of Pillow. */
export function resample(from: Raster, width: number, height: number): Raster {
  return vertical(horizontal(from, width), height);
}

/**
 * The source pixels that each result consists of: `count` of them from `first` on, weighted by
 * fixed-point numbers at `weights[i * stride]`.
 */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

export function triangleTaps(from: number, to: number): Taps {
  const scale = from / to;
  const reach = Math.max(scale, 1); // an enlargement takes the two nearest
  const stride = 2 * Math.ceil(reach) + 1;
  const [first, count] = [new Int32Array(to), new Int32Array(to)];
  const weights = new Int32Array(to * stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    first[i] = Math.max(Math.trunc(centre - reach + 0.5), 0);
    count[i] = Math.min(Math.trunc(centre + reach + 0.5), from) - first[i];
    const share = Array.from({ length: count[i] }, (_, k) =>
      Math.max(0, 1 - Math.abs((first[i] + k + 0.5 - centre) / reach)),
    );
    const sum = share.reduce((a, b) => a + b, 0);
    share.forEach((s, k) => {
      weights[i * stride + k] = Math.floor((s / sum) * 2 ** FRACTION_BITS + 0.5);
    });
  }
  return { first, count, weights, stride };
}

const HALF = 1 << (FRACTION_BITS - 1);

function horizontal({ data, width, height, channels }: Raster, to: number): Raster {
  const { first, count, weights, stride } = triangleTaps(width, to);
  const out = new Uint8ClampedArray(to * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < to; x++, o += 3) {
      let [red, green, blue] = [HALF, HALF, HALF];
      let at = (y * width + first[x]) * channels;
      for (let k = x * stride; k < x * stride + count[x]; k++, at += channels) {
        red += data[at] * weights[k];
        green += data[at + 1] * weights[k];
        blue += data[at + 2] * weights[k];
      }
      out[o] = red >> FRACTION_BITS;
      out[o + 1] = green >> FRACTION_BITS;
      out[o + 2] = blue >> FRACTION_BITS;
    }
  }
  return { data: out, width: to, height, channels: 3 };
}

function vertical({ data, width, height }: Raster, to: number): Raster {
  const { first, count, weights, stride } = triangleTaps(height, to);
  const line = width * 3;
  const out = new Uint8ClampedArray(to * line);
  const sums = new Int32Array(line);
  for (let y = 0; y < to; y++) {
    sums.fill(HALF);
    for (let k = 0; k < count[y]; k++) {
      const weight = weights[y * stride + k];
      const start = (first[y] + k) * line;
      for (let i = 0; i < line; i++) sums[i] += data[start + i] * weight;
    }
    for (let i = 0; i < line; i++) out[y * line + i] = sums[i] >> FRACTION_BITS;
  }
  return { data: out, width, height: to, channels: 3 };
}
