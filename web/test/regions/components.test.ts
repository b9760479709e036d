import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Connectivity,
  components,
  cut,
  intersect,
  Region,
  type Region as Pixels,
  union,
} from "../../src/regions";
import { aRegion, drawn, picture, regionOf } from "./drawn";

/** Pixels reached from a pixel, step by step. */
function flood(region: Pixels, x: number, y: number, connectivity: Connectivity): Pixels {
  const reached = new Set<string>();
  const waiting = [[x, y]];
  for (let at = waiting.pop(); at; at = waiting.pop()) {
    const [px, py] = at;
    if (!region.has(px, py) || reached.has(`${px},${py}`)) continue;
    reached.add(`${px},${py}`);
    for (const dx of [-1, 0, 1]) {
      for (const dy of [-1, 0, 1]) {
        if (connectivity === 8 || !dx || !dy) waiting.push([px + dx, py + dy]);
      }
    }
  }
  return regionOf(region.width, region.height, (px, py) => reached.has(`${px},${py}`));
}

function expectPartition(parts: readonly Region[], whole: Region): void {
  const together = parts.reduce(union, Region.empty(whole));
  expect(together.equals(whole)).toBe(true);
  expect(parts.reduce((sum, part) => sum + part.area, 0)).toBe(whole.area);
}

describe("the components of a region", () => {
  it("hold together by corners or by sides", () => {
    const region = drawn(["##...", "..#.#", "....#"]);
    expect(components(region).map(picture)).toEqual([
      ["##...", "..#..", "....."],
      [".....", "....#", "....#"],
    ]);
    expect(components(region, 4)).toHaveLength(3);
    expect(components(Region.empty(region))).toEqual([]);
  });

  it("are what can be reached from each pixel", () => {
    fc.assert(
      fc.property(aRegion, fc.constantFrom<Connectivity>(4, 8), (region, connectivity) => {
        const parts = components(region, connectivity);
        expectPartition(parts, region);
        for (const part of parts) {
          const [left, top] = part.box;
          let x = left;
          while (!part.has(x, top)) x++;
          expect(flood(region, x, top, connectivity).equals(part)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("a cut", () => {
  const square = drawn(Array.from({ length: 6 }, () => "######......##"));

  it("divides what the line goes through, and the rest stays with the largest part", () => {
    const line = [
      { x: 2, y: -1 },
      { x: 2, y: 7 },
    ];
    const parts = cut(square, line);
    expect(parts).toHaveLength(2);
    expectPartition(parts, square);
    expect(parts[0].has(13, 0)).toBe(true);
    expect(Math.abs(parts[1].area - 12)).toBeLessThanOrEqual(6); // the line's pixels are shared out
  });

  it("that divides nothing gives the region as it was", () => {
    const short = [
      { x: 2, y: 1 },
      { x: 2, y: 3 },
    ];
    expect(cut(square, short)).toEqual([square]);
    expect(cut(Region.empty(square), short)).toEqual([]);
  });

  it("shares all pixels out, none twice, and nothing holds together across it", () => {
    const place = fc.record({
      x: fc.double({ min: -3, max: 60, noNaN: true }),
      y: fc.double({ min: -3, max: 16, noNaN: true }),
    });
    fc.assert(
      fc.property(aRegion, fc.array(place, { minLength: 2, maxLength: 4 }), (region, line) => {
        const parts = cut(region, line);
        expectPartition(parts, region);
        parts.slice(1).forEach((part, i) => {
          expect(part.area).toBeLessThanOrEqual(i ? parts[i].area : Infinity);
          expect(parts.slice(0, i + 1).every((other) => intersect(part, other).isEmpty)).toBe(true);
        });
      }),
      { numRuns: 60 },
    );
  });
});
