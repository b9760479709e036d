// One axis of the way from low-resolution logits to the image, both steps as one.

/**
 * What each pixel of an axis of the image consists of: three neighbouring low-resolution pixels,
 * `first[i]` and the next two, in the shares `share[3 * i]` and following.
 */
export interface Axis {
  readonly first: Int32Array;
  readonly share: Float32Array;
}

/**
 * Compose the official two steps: bilinear from `side` pixels to `inputPx`, cut to the first
 * `content`, bilinear to `full`. The first step never shrinks, so the two neighbours that the
 * second takes stand on three neighbouring pixels at most.
 */
export function composedAxis(side: number, inputPx: number, content: number, full: number): Axis {
  const first = new Int32Array(full);
  const share = new Float32Array(3 * full);
  for (let i = 0; i < full; i++) {
    const [near, far, towardsFar] = neighbours(i, content, full);
    const [start] = neighbours(near, side, inputPx);
    first[i] = start;
    for (const [at, weight] of [[near, 1 - towardsFar] as const, [far, towardsFar] as const]) {
      const [low, high, towardsHigh] = neighbours(at, side, inputPx);
      share[3 * i + low - start] += weight * (1 - towardsHigh);
      share[3 * i + high - start] += weight * towardsHigh;
    }
  }
  return { first, share };
}

/**
 * Between which two of `from` pixels number `i` of `to` lies, and how far towards the second.
 * Pixel centres at halves, edges repeated, as OpenCV and PyTorch (`align_corners=False`) resize.
 */
function neighbours(i: number, from: number, to: number): [number, number, number] {
  const at = Math.max(((i + 0.5) * from) / to - 0.5, 0);
  const low = Math.min(Math.floor(at), from - 1);
  return low === from - 1 ? [low, low, 0] : [low, low + 1, at - low];
}
