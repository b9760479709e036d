import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  components,
  dropIslands,
  fillEnclosed,
  fillHoles,
  Region,
  subtract,
  union,
} from "../../src/regions";
import { aRegion, drawn, picture, regionOf } from "./drawn";

// What anymask/core/regions/small_regions.py gives.
const THIN = [
  "...##..##..#.......#.#.#..#..#.#..#.",
  "..#...#....##.#......#....#.#....#..",
  ".......#........#......#.#.#..#.#..#",
  ".#.###...............#######........",
  "....#......##...#........#..#...#.##",
  "##.#.###....#..#.##.#..####....#..#.",
  ".....#..........####..##.#..#..##..#",
  ".#..#.#...#.......#.......#....#....",
];
const WITHOUT_SMALLER_THAN_4 = [
  ".......##.................#..#......",
  "......#...................#.#.......",
  ".......#...............#.#.#........",
  "...###...............#######........",
  "....#...........#........#..#...#.##",
  "...#.###.......#.##.#..####....#..#.",
  ".....#..........####..##.#.....##..#",
  "....#.#...........#.......#....#....",
];
const THICK = [
  "#.#..#########.#####.###############",
  "#..#...###.######.############.##.##",
  "#######..##..#####.###.#####.#.###..",
  "#####...#..##.######....#..###.#.###",
  ".#...###.###.#####.##.#..##.##.#...#",
  "####..##.#.#..##.###..###.#..##.#.##",
  "#.##....##...#.##.#####.###.####..##",
  ".#.##.#...####.###..######...####.##",
];
const FILLED_SMALLER_THAN_9 = [
  "#.#..###############################",
  "#..#...###.###################.#####",
  "#######..##..#########.#######.#####",
  "#####...#..##.######....#..###.#.###",
  "##...###.###.########.#..##.##.#...#",
  "####..##.#.#..######..###.#..##.#.##",
  "####....##...#.############.####..##",
  "#####.#...####.###########...####.##",
];

/** The inside becomes the outside. */
function inverse(region: Region): Region {
  return regionOf(region.width, region.height, (x, y) => !region.has(x, y));
}

describe("specks and pinholes", () => {
  it("go as they do in Python", () => {
    expect(picture(dropIslands(drawn(THIN), 4))).toEqual(WITHOUT_SMALLER_THAN_4);
    expect(picture(fillHoles(drawn(THICK), 9))).toEqual(FILLED_SMALLER_THAN_9);
  });

  it("are those of fewer pixels than so many", () => {
    fc.assert(
      fc.property(aRegion, fc.integer({ min: 0, max: 30 }), (region, area) => {
        const small = components(region).filter((piece) => piece.area < area);
        const rest = subtract(region, small.reduce(union, Region.empty(region)));
        expect(dropIslands(region, area).equals(rest)).toBe(true);
        if (region.isEmpty) return;
        const holes = components(inverse(region)).filter((piece) => piece.area < area);
        expect(fillHoles(region, area).equals(holes.reduce(union, region))).toBe(true);
      }),
    );
  });

  it("of an empty region there are none", () => {
    const empty = Region.empty({ width: 4, height: 3 });
    expect(fillHoles(empty, 100).isEmpty).toBe(true);
    expect(fillEnclosed(empty).isEmpty).toBe(true);
  });
});

describe("what a region encloses", () => {
  it("is filled, however large, and not what reaches the edge of the image", () => {
    const region = drawn(["#####.#", "#...#.#", "#...#.#", "#####.#", "......#"]);
    const filled = ["#####.#", "#####.#", "#####.#", "#####.#", "......#"];
    expect(picture(fillEnclosed(region))).toEqual(filled);
    expect(picture(fillEnclosed(drawn([".#.", "#.#", "..."])))).toEqual([".#.", "#.#", "..."]);
  });

  it("is every piece of the outside that touches no edge", () => {
    fc.assert(
      fc.property(aRegion, (region) => {
        if (region.isEmpty) return;
        const { width, height } = region;
        const enclosed = components(inverse(region)).filter(
          ({ box: [left, top, right, bottom] }) =>
            left > 0 && top > 0 && right < width && bottom < height,
        );
        expect(fillEnclosed(region).equals(enclosed.reduce(union, region))).toBe(true);
      }),
    );
  });
});
