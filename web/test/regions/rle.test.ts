import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeRle, encodeRle, Region, RegionError, union, brushStroke } from "../../src/regions";
import { aRegion, drawn, picture, regionOf } from "./drawn";

// By pycocotools.mask.encode.
const WRITTEN: [name: string, rows: string[], counts: string][] = [
  ["nothing", [".....", ".....", "....."], "?"],
  ["all", ["#####", "#####", "#####"], "0?"],
  [
    "a hole",
    [".........", ".####....", ".#.##....", ".####....", ".........", "........."],
    "733NN02200g0",
  ],
  ["runs from column to column", ["..##..", ".###..", ".###..", ".###.."], "5;8"],
  [
    "noise",
    [
      "##..####.##.",
      "#...#..##.##",
      "..#.#.##..#.",
      "#..#....#..#",
      ".###.#.#.#.#",
      "#....#.#....",
      "..#####.###.",
      "..#..#.#....",
      ".####..##.#.",
    ],
    "021O00200000O0O0022ONO032MN122NM0020O2OO000O0010O12ON0121NN000013",
  ],
];
const ELLIPSE =
  "`59m04M2N2N2N2N2O0O2O0O2O0O2O000O2O000O2O000000000O2O00000000000000000001N10000000001N10001" +
  "N10001N101N101N101N2N2N2N2N3LZ8";

describe("COCO's run lengths", () => {
  it.each(WRITTEN)("of %s are those of pycocotools", (_, rows, counts) => {
    const region = drawn(rows);
    expect(encodeRle(region)).toEqual({ size: [rows.length, rows[0].length], counts });
    expect(picture(decodeRle({ size: [rows.length, rows[0].length], counts }))).toEqual(rows);
  });

  it("of a shape wider than a word are those of pycocotools", () => {
    const inside = (x: number, y: number) => (y - 20) ** 2 / 300 + (x - 33) ** 2 / 900 < 1;
    const region = regionOf(70, 40, inside);
    expect(encodeRle(region).counts).toBe(ELLIPSE);
    expect(decodeRle({ size: [40, 70], counts: ELLIPSE }).equals(region)).toBe(true);
  });

  it("give the region that they were made of", () => {
    fc.assert(
      fc.property(aRegion, (region) => {
        const back = decodeRle(encodeRle(region));
        expect(back.equals(region)).toBe(true);
        expect(back.area).toBe(region.area);
      }),
    );
  });

  it("of an image of 10,000 pixels a side have numbers of many letters", () => {
    const image = { width: 10_000, height: 10_000 };
    const corners = [
      { x: 0.5, y: 0.5 },
      { x: 9_999.5, y: 9_999.5 },
    ];
    const region = corners
      .map((corner) => brushStroke(image, [corner], 1))
      .reduce(union, Region.empty(image));
    const { counts } = encodeRle(region);
    expect(counts).toBe("01nWh[o20");
    expect(decodeRle({ size: [10_000, 10_000], counts }).equals(region)).toBe(true);
  });

  it("may have runs of no length, which are not written again", () => {
    const region = decodeRle({ size: [2, 2], counts: "11001" });
    expect(picture(region)).toEqual([".#", "#."]);
    expect(encodeRle(region).counts).toBe("121");
  });

  it.each([
    ["too few", { size: [3, 5] as const, counts: ">" }, "14 pixels do not fill 5×3"],
    ["too many", { size: [3, 5] as const, counts: "0`0" }, "16 pixels do not fill 5×3"],
    ["negative ones", { size: [2, 2] as const, counts: "1O4" }, "do not fill"],
    ["a number that breaks off", { size: [3, 5] as const, counts: "0_" }, "at letter 3"],
    ["foreign letters", { size: [3, 5] as const, counts: "0 ?" }, "at letter 2"],
    ["numbers without end", { size: [3, 5] as const, counts: "oooooooooo" }, "at letter 8"],
    ["no size", { size: [0, 5] as const, counts: "" }, "5×0"],
    ["a size past counting", { size: [60_000, 60_000] as const, counts: "" }, "60000×60000"],
  ])("that are wrong are refused: %s", (_, rle, message) => {
    expect(() => decodeRle(rle)).toThrow(RegionError);
    expect(() => decodeRle(rle)).toThrow(message);
  });
});
