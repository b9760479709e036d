import { describe, expect, it } from "vitest";
import { cleaned } from "../src/page/clean";
import { drawnMask } from "./drawn-mask";

const SIDE = 40; // of squares: 1 % of one is 16 pixels; a speck of the image's grid is as large

/** A square within an image that is large for the grid, with some pixels the other way. */
function square(...changed: readonly (readonly [x: number, y: number])[]): string[] {
  const rows = Array.from({ length: 256 }, (_, y) =>
    Array.from({ length: 300 }, (_, x) => +(x >= 10 && x < 10 + SIDE && y >= 10 && y < 10 + SIDE)),
  );
  for (const [x, y] of changed) rows[y][x] = 1 - rows[y][x];
  return rows.map((row) => row.map((value) => (value ? "#" : ".")).join(""));
}

function line(count: number, x: number, y: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [x + i, y]);
}

describe("a mask made clean", () => {
  it.each([
    ["an island goes", [[100, 100]], []],
    ["a hole is filled", [[20, 20]], []],
    ["holes that meet at a corner are two", [...line(10, 20, 20), ...line(10, 30, 21)], []],
    ["islands that meet at a corner are one", [...line(9, 60, 60), ...line(9, 69, 61)], "same"],
    ["a hole of the limit stays", line(16, 20, 20), "same"],
    ["an island at the image's edge goes", [[0, 0]], []],
  ] as [string, [number, number][], [number, number][] | "same"][])("%s", (_, changed, left) => {
    const before = drawnMask(square(...changed));
    const after = drawnMask(square(...(left === "same" ? changed : left)));
    const { pixels, area, box } = cleaned(before);
    expect([area, box]).toEqual([after.area, after.box]);
    expect(pixels).toEqual(after.pixels);
  });

  it("of specks alone keeps the largest", () => {
    const rows = square().map((row) => row.replaceAll("#", "."));
    rows[5] = rows[7] = "#.".repeat(150);
    rows[9] = rows[9].replace("....", "..##");
    const { area, box } = cleaned(drawnMask(rows));
    expect([area, box]).toEqual([2, [2, 9, 4, 10]]);
  });

  it("is made once, and one of nothing is itself", () => {
    const [mask, nothing] = [drawnMask(square()), drawnMask(["..", ".."])];
    expect(cleaned(mask)).toBe(cleaned(mask));
    expect(cleaned(nothing)).toBe(nothing);
  });
});
