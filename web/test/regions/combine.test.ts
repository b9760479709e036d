import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  difference,
  fromMask,
  halved,
  intersect,
  Region,
  RegionError,
  subtract,
  toMask,
  union,
} from "../../src/regions";
import { aRegion, drawn, picture, regionOf, regions } from "./drawn";

/** Pixel by pixel what words do at once. */
function pixelwise(a: Region, b: Region, rule: (a: boolean, b: boolean) => boolean): Region {
  return regionOf(a.width, a.height, (x, y) => rule(a.has(x, y), b.has(x, y)));
}

describe("a region", () => {
  it("knows its pixels, its area and its tight box", () => {
    const region = drawn([".....", "..##.", "..#..", "....."]);
    expect(picture(region)).toEqual([".....", "..##.", "..#..", "....."]);
    expect([region.area, region.isEmpty, region.box]).toEqual([3, false, [2, 1, 4, 3]]);
    expect([region.has(-1, 1), region.has(2, 7)]).toEqual([false, false]);
  });

  it("may have no pixels", () => {
    const region = drawn(["...", "..."]);
    expect([region.area, region.isEmpty, region.box]).toEqual([0, true, [0, 0, 0, 0]]);
    expect(region.equals(Region.empty({ width: 3, height: 2 }))).toBe(true);
    expect(region.equals(Region.empty({ width: 2, height: 3 }))).toBe(false);
  });

  it("is the mask that it came from", () => {
    fc.assert(
      fc.property(aRegion, (region) => {
        const mask = toMask(region);
        expect(mask.area).toBe(mask.pixels.reduce((sum, pixel) => sum + pixel, 0));
        expect(fromMask(mask).equals(region)).toBe(true);
      }),
    );
  });

  it("has one form, however it came about", () => {
    fc.assert(
      fc.property(regions(2), ([a, b]) => {
        const back = subtract(union(a, b), subtract(b, a));
        expect([back.box, [...back.words]]).toEqual([a.box, [...a.words]]);
        expect(a.equals(b)).toBe(difference(a, b).isEmpty);
      }),
    );
  });
});

describe("the algebra of regions", () => {
  it("is that of their pixels", () => {
    fc.assert(
      fc.property(regions(2), ([a, b]) => {
        expect(union(a, b).equals(pixelwise(a, b, (p, q) => p || q))).toBe(true);
        expect(intersect(a, b).equals(pixelwise(a, b, (p, q) => p && q))).toBe(true);
        expect(subtract(a, b).equals(pixelwise(a, b, (p, q) => p && !q))).toBe(true);
        expect(difference(a, b).equals(pixelwise(a, b, (p, q) => p !== q))).toBe(true);
      }),
    );
  });

  it("has its laws", () => {
    fc.assert(
      fc.property(regions(3), ([a, b, c]) => {
        const same = (one: Region, other: Region) => expect(one.equals(other)).toBe(true);
        same(union(a, b), union(b, a));
        same(union(union(a, b), c), union(a, union(b, c)));
        same(intersect(a, union(b, c)), union(intersect(a, b), intersect(a, c)));
        same(subtract(a, union(b, c)), intersect(subtract(a, b), subtract(a, c)));
        same(union(a, a), a);
        same(subtract(a, a), Region.empty(a));
        expect(union(a, b).area + intersect(a, b).area).toBe(a.area + b.area);
      }),
    );
  });

  it("is of one image", () => {
    const [a, b] = [Region.empty({ width: 4, height: 3 }), Region.empty({ width: 3, height: 4 })];
    expect(() => union(a, b)).toThrow(RegionError);
    expect(() => union(a, b)).toThrow("4×3 and 3×4");
  });
});

describe("a region at half the size", () => {
  it("has every pixel of which a quarter is in the region", () => {
    fc.assert(
      fc.property(aRegion, (region) => {
        const [width, height] = [Math.ceil(region.width / 2), Math.ceil(region.height / 2)];
        const expected = regionOf(width, height, (x, y) =>
          [0, 1].some((dx) => [0, 1].some((dy) => region.has(2 * x + dx, 2 * y + dy))),
        );
        expect(halved(region).equals(expected)).toBe(true);
      }),
    );
  });
});
