import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { intersect, iou, isAlike, Region, union } from "../../src/regions";
import { drawn, regions } from "./drawn";

describe("how much two regions are the same", () => {
  it("is what they share of what they are together", () => {
    fc.assert(
      fc.property(regions(2), ([a, b]) => {
        const all = union(a, b).area;
        const expected = all ? intersect(a, b).area / all : 0;
        expect(iou(a, b)).toBe(expected);
        for (const least of [0.1, 0.5, 0.9]) expect(isAlike(a, b, least)).toBe(expected >= least);
      }),
    );
  });

  it("is all of a region with itself, and nothing without pixels", () => {
    const region = drawn([".##.", ".#.."]);
    expect([iou(region, region), iou(region, Region.empty(region))]).toEqual([1, 0]);
    expect(iou(Region.empty(region), Region.empty(region))).toBe(0);
  });
});
