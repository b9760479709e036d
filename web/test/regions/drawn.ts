import fc from "fast-check";
import { fromMask, type Region } from "../../src/regions";

/** A region from rows of # and dots. */
export function drawn(rows: readonly string[]): Region {
  return regionOf(rows[0].length, rows.length, (x, y) => rows[y][x] === "#");
}

/** The rows of a region. */
export function picture(region: Region): string[] {
  return Array.from({ length: region.height }, (_, y) =>
    Array.from({ length: region.width }, (_, x) => (region.has(x, y) ? "#" : ".")).join(""),
  );
}

/** The pixels for which a question is answered with yes. */
export function regionOf(
  width: number,
  height: number,
  inside: (x: number, y: number) => boolean,
): Region {
  const pixels = Uint8Array.from(
    { length: width * height },
    (_, i) => +inside(i % width, Math.floor(i / width)),
  );
  return fromMask({ pixels, width, height, area: 0, box: [0, 0, width, height] });
}

/** Numbers that repeat, from 0 to 1. */
export function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 0) / 2 ** 32;
  };
}

/** Noise, thin or thick, in a part of an image wide enough for several words. */
function noise({ width, height }: Size, seed: number, share: number): Region {
  const next = random(seed);
  const [x0, y0] = [next() * width * 0.6, next() * height * 0.6];
  const [x1, y1] = [x0 + next() * width, y0 + next() * height];
  const values = Array.from({ length: width * height }, () => next() < share);
  return regionOf(
    width,
    height,
    (x, y) => x >= x0 && y >= y0 && x < x1 && y < y1 && values[y * width + x],
  );
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const sizes = fc.record({
  width: fc.integer({ min: 1, max: 100 }),
  height: fc.integer({ min: 1, max: 14 }),
});
const shares = fc.constantFrom(0, 0.1, 0.35, 0.6, 0.9, 1);

/** Several regions of one image. */
export function regions(count: number): fc.Arbitrary<Region[]> {
  return sizes.chain((size) =>
    fc.array(
      fc.tuple(fc.integer(), shares).map(([seed, share]) => noise(size, seed, share)),
      { minLength: count, maxLength: count },
    ),
  );
}

export const aRegion: fc.Arbitrary<Region> = regions(1).map(([region]) => region);
