import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BrushPoint, brushStroke, components, extend, shrink } from "../../src/regions";
import { aRegion, picture, regionOf } from "./drawn";

const IMAGE = { width: 70, height: 24 };
const NEAR = 1e-6; // to the rim: rounding decides

const point: fc.Arbitrary<BrushPoint> = fc.record(
  {
    x: fc.double({ min: -12, max: 82, noNaN: true }),
    y: fc.double({ min: -12, max: 36, noNaN: true }),
    diameter: fc.double({ min: 0, max: 20, noNaN: true }),
  },
  { requiredKeys: ["x", "y"] },
);
const strokes = fc.array(point, { minLength: 1, maxLength: 5 });

/** How far a place is inside of the brush where it comes nearest on its way. */
function depth(points: readonly BrushPoint[], diameter: number, x: number, y: number): number {
  const depths = points.map((to, i) => {
    const from = points[Math.max(i - 1, 0)];
    const [r0, r1] = [from, to].map((at) => Math.max(at.diameter ?? diameter, 1) / 2);
    const at = (t: number) => {
      const far = Math.hypot(x - from.x - t * (to.x - from.x), y - from.y - t * (to.y - from.y));
      return r0 + t * (r1 - r0) - far;
    };
    // Rises to one summit and falls.
    let [low, high] = [0, 1];
    for (let step = 0; step < 80; step++) {
      const [a, b] = [low + (high - low) / 3, high - (high - low) / 3];
      if (at(a) < at(b)) low = a;
      else high = b;
    }
    return Math.max(at(0), at(low), at(1));
  });
  return Math.max(...depths);
}

describe("a brush", () => {
  it("leaves a disc where it is set down", () => {
    expect(picture(brushStroke({ width: 6, height: 5 }, [{ x: 2.5, y: 2.5 }], 3))).toEqual([
      "......",
      ".###..",
      ".###..",
      ".###..",
      "......",
    ]);
  });

  it("leaves a pixel, however thin", () => {
    const dot = brushStroke(IMAGE, [{ x: 3, y: 4.99 }], 0.1);
    expect([dot.area, dot.has(3, 4)]).toEqual([1, true]);
    expect(brushStroke(IMAGE, [], 5).isEmpty).toBe(true);
    expect(brushStroke(IMAGE, [{ x: -50, y: 5 }], 9).isEmpty).toBe(true);
  });

  it("covers the pixels whose middles it passes over", () => {
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0, max: 25, noNaN: true }),
        (points, diameter) => {
          const region = brushStroke(IMAGE, points, diameter);
          const under = new Set(points.map(({ x, y }) => `${Math.floor(x)},${Math.floor(y)}`));
          for (let y = 0; y < IMAGE.height; y++) {
            for (let x = 0; x < IMAGE.width; x++) {
              if (under.has(`${x},${y}`)) expect(region.has(x, y)).toBe(true);
              else {
                const inside = depth(points, diameter, x + 0.5, y + 0.5);
                if (Math.abs(inside) > NEAR)
                  expect([x, y, region.has(x, y)]).toEqual([x, y, inside > 0]);
              }
            }
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it("leaves no gap", () => {
    const inside = fc.record({
      x: fc.double({ min: 0, max: 69, noNaN: true }),
      y: fc.double({ min: 0, max: 23, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(inside, { minLength: 2, maxLength: 5 }), (points) => {
        expect(components(brushStroke(IMAGE, points, 1))).toHaveLength(1);
      }),
    );
  });

  it("covers the same in pieces as at once", () => {
    fc.assert(
      fc.property(strokes, (points) => {
        const whole = brushStroke(IMAGE, points, 7);
        for (let i = 1; i < points.length; i++) {
          const piece = brushStroke(IMAGE, points.slice(i - 1, i + 1), 7);
          for (let y = 0; y < IMAGE.height; y++) {
            for (let x = 0; x < IMAGE.width; x++)
              if (piece.has(x, y)) expect(whole.has(x, y)).toBe(true);
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe("a region made wider or narrower", () => {
  const widths = fc.oneof(
    fc.integer({ min: 0, max: 5 }),
    fc.double({ min: 0, max: 5, noNaN: true }),
  );

  /** The pixels near to one of which a question is answered with yes. */
  const near = (byPx: number, inside: (x: number, y: number) => boolean) => {
    const reach = Math.floor(byPx);
    return (x: number, y: number) => {
      for (let dy = -reach; dy <= reach; dy++) {
        for (let dx = -reach; dx <= reach; dx++) {
          if (dx ** 2 + dy ** 2 <= byPx ** 2 && inside(x + dx, y + dy)) return true;
        }
      }
      return false;
    };
  };

  it("has what is near to it, or not what is near to the outside", () => {
    fc.assert(
      fc.property(aRegion, widths, (region, byPx) => {
        const { width, height } = region;
        const within = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height;
        const wide = near(byPx, (x, y) => region.has(x, y));
        const edge = near(byPx, (x, y) => within(x, y) && !region.has(x, y));
        expect(extend(region, byPx).equals(regionOf(width, height, wide))).toBe(true);
        const narrow = regionOf(width, height, (x, y) => region.has(x, y) && !edge(x, y));
        expect(shrink(region, byPx).equals(narrow)).toBe(true);
      }),
    );
  });
});
