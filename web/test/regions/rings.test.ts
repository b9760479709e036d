import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  components,
  fillLasso,
  fillRings,
  type Place,
  polygonsOf,
  type Ring,
  ringsIn,
  simplify,
} from "../../src/regions";
import { distanceTo } from "../../src/regions/simplify";
import { aRegion, drawn, picture, regionOf } from "./drawn";

/** As numbers: positive for a ring that runs counter-clockwise where y points upward. */
function areaOf(ring: Ring): number {
  return (
    ring.reduce((sum, [x, y], i) => {
      const [nextX, nextY] = ring[(i + 1) % ring.length];
      return sum + x * nextY - nextX * y;
    }, 0) / 2
  );
}

const places: fc.Arbitrary<Place[]> = fc.array(
  fc.tuple(
    fc.double({ min: -9, max: 80, noNaN: true }),
    fc.double({ min: -5, max: 25, noNaN: true }),
  ),
  { maxLength: 9 },
);

describe("the rings of a region", () => {
  it("lie on the corners of its pixels, with holes", () => {
    // As anymask/core/regions/rings.py gives them, from other places on.
    expect(polygonsOf(drawn(["###.", "#.##", "####", ".#.#"]))).toEqual([
      {
        outer: [
          ...([[0, 0], [3, 0], [3, 1], [4, 1], [4, 4], [3, 4]] as Place[]), // prettier-ignore
          ...([[3, 3], [2, 3], [2, 4], [1, 4], [1, 3], [0, 3]] as Place[]), // prettier-ignore
        ],
        holes: [[[1, 2], [2, 2], [2, 1], [1, 1]]], // prettier-ignore
      },
    ]);
    expect(polygonsOf(drawn(["..", ".."]))).toEqual([]);
  });

  it("are two of a hole that touches the outside by a corner", () => {
    const [{ outer, holes }] = polygonsOf(drawn(["###", "#.#", "##."]));
    expect([areaOf(outer), holes.length]).toEqual([8, 1]);
  });

  it("enclose exactly its pixels", () => {
    fc.assert(
      fc.property(aRegion, (region) => {
        const polygons = polygonsOf(region);
        const rings = ringsIn(polygons);
        expect(fillRings(region, rings).equals(region)).toBe(true);
        expect(fillRings(region, rings, "nonzero").equals(region)).toBe(true);
        expect(polygons).toHaveLength(components(region, 4).length);
      }),
    );
  });

  it("turn at every place, touch themselves nowhere, and holes run the other way", () => {
    fc.assert(
      fc.property(aRegion, (region) => {
        for (const { outer, holes } of polygonsOf(region)) {
          expect(areaOf(outer)).toBeGreaterThan(0);
          expect(holes.every((hole) => areaOf(hole) < 0)).toBe(true);
          for (const ring of [outer, ...holes]) {
            expect(new Set(ring.map(String)).size).toBe(ring.length);
            ring.forEach(([x, y], i) => {
              const [nextX, nextY] = ring[(i + 1) % ring.length];
              const [thirdX, thirdY] = ring[(i + 2) % ring.length];
              expect((x === nextX) !== (y === nextY)).toBe(true);
              expect((x === nextX) !== (nextX === thirdX)).toBe(true);
              expect((y === nextY) !== (nextY === thirdY)).toBe(true);
            });
          }
        }
      }),
    );
  });
});

describe("a polygon", () => {
  const square = (left: number, top: number, right: number, bottom: number): Ring => [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];

  it("has the pixels whose middles are inside, as COCO counts them", () => {
    const region = fillRings({ width: 8, height: 6 }, [square(1, 1, 5, 4)]);
    expect([region.area, region.box]).toEqual([12, [1, 1, 5, 4]]);
    expect(fillRings(region, [square(0.5, 0.5, 1.5, 1.5)]).box).toEqual([0, 0, 1, 1]);
    expect(fillRings(region, [square(0.6, 0.6, 1.4, 1.4)]).isEmpty).toBe(true);
    expect(fillRings(region, [square(-9, -9, 99, 99)]).area).toBe(48);
  });

  it("has a hole where a ring is in another, and a lasso has none", () => {
    const rings = [square(0, 0, 5, 5), square(1, 1, 4, 4)];
    expect(fillRings({ width: 6, height: 6 }, rings).area).toBe(25 - 9);
    expect(
      fillLasso(
        { width: 6, height: 6 },
        rings.flatMap((ring) => [...ring, ring[0]]),
      ).area,
    ).toBe(25);
  });

  it("that has no inside has no pixels", () => {
    const image = { width: 6, height: 6 };
    expect(fillLasso(image, []).isEmpty).toBe(true);
    expect(fillLasso(image, [[2, 2]]).isEmpty).toBe(true);
    expect(fillLasso(image, [[1, 1], [5, 5]]).isEmpty).toBe(true); // prettier-ignore
  });

  it("has a pixel if a line from its middle to the left crosses an odd number of sides", () => {
    fc.assert(
      fc.property(places, places, (one, other) => {
        const rings = [one, other];
        const region = fillRings({ width: 70, height: 20 }, rings);
        const expected = regionOf(70, 20, (px, py) => {
          const [x, y] = [px + 0.5, py + 0.5];
          let inside = false;
          for (const ring of rings) {
            ring.forEach(([x0, y0], i) => {
              const [x1, y1] = ring[(i + 1) % ring.length];
              if (y0 <= y === y1 <= y) return;
              if (x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) <= x) inside = !inside;
            });
          }
          return inside;
        });
        expect(picture(region)).toEqual(picture(expected));
      }),
    );
  });
});

describe("a simplified ring", () => {
  it("has the corners that matter", () => {
    const stairs: Ring = [[0, 0], [10, 0], [10, 5], [9, 5], [9, 6], [8, 6], [8, 7], [0, 7]]; // prettier-ignore
    expect(simplify(stairs, 1)).toEqual([[0, 0], [10, 0], [10, 5], [8, 7], [0, 7]]); // prettier-ignore
    expect(simplify([[0, 0], [1, 0], [1, 1], [0, 1]], 9)).toHaveLength(4); // prettier-ignore
  });

  it("is near to every place that it left out, and has no others", () => {
    fc.assert(
      fc.property(aRegion, fc.double({ min: 0, max: 6, noNaN: true }), (region, tolerance) => {
        for (const ring of ringsIn(polygonsOf(region))) {
          const simple = simplify(ring, tolerance);
          expect(simple.length).toBeGreaterThanOrEqual(3);
          expect(simple.every((place) => ring.includes(place))).toBe(true);
          for (const place of ring) {
            const distances = simple.map((from, i) =>
              distanceTo(place, from, simple[(i + 1) % simple.length]),
            );
            expect(Math.min(...distances)).toBeLessThanOrEqual(tolerance + 1e-9);
          }
        }
      }),
    );
  });
});
