import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cellsOf, dashes, eroded } from "../../src/annotate/view/cells";
import { paintTile, rgba, TILE } from "../../src/annotate/view/tile-painting";
import { brushStroke, fillRings, type Region } from "../../src/regions";
import { aRegion } from "../regions/drawn";

const RED = "#ff0000";
const BLUE = "#0000ff";
const IMAGE = { width: 700, height: 600 };
const square = (left: number, top: number, right: number, bottom: number): Region =>
  fillRings(IMAGE, [[[left, top], [right, top], [right, bottom], [left, bottom]]]); // prettier-ignore

describe("cells of a region", () => {
  it("are in it if any of their pixels is", () => {
    fc.assert(
      fc.property(aRegion, fc.integer({ min: -4, max: 3 }), (region, level) => {
        const [columns, rows] = [5, 24];
        const cells = cellsOf(region, level, -1, -4, columns, rows);
        const size = 2 ** level; // of a cell, in pixels
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < 32 * columns; column++) {
            const [x, y] = [(column - 32) * size, (row - 4) * size];
            let any = false;
            for (let dy = 0; dy < Math.max(size, 1); dy++) {
              for (let dx = 0; dx < Math.max(size, 1); dx++) {
                any ||= region.has(Math.floor(x + dx), Math.floor(y + dy));
              }
            }
            const word = cells?.words[row * columns + (column >> 5)] ?? 0;
            if (((word >>> (column & 31)) & 1) !== +any) expect.fail(`${column},${row}`);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("at the border are dashed in all directions, half of them and never many in a row", () => {
    for (let angle = 0; angle < 180; angle += 7.5) {
      const [dx, dy] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
      const ends = [-230, 230].map((at) => ({ x: 300 + at * dx, y: 300 + at * dy }));
      const cells = cellsOf(brushStroke(IMAGE, ends, 60), 0, 0, 0, 22, 600)!;
      const inner = eroded(cells);
      const count = (words: Int32Array) =>
        words.reduce(
          (sum, word) => sum + [...(word >>> 0).toString(2)].filter((bit) => bit === "1").length,
          0,
        );
      const border = count(cells.words) - count(inner.words);
      const share = count(dashes(cells, 0, 4).words) / border;
      expect(share, `${angle}°`).toBeGreaterThan(0.35);
      expect(share, `${angle}°`).toBeLessThan(0.65);
    }
  });
});

describe("a tile", () => {
  const style = { opacity: 0.5, outline: 2, rim: 0 };
  const at = (pixels: Uint32Array, x: number, y: number) => pixels[y * TILE + x];

  it("has the outline within the mask, and the colour of the mask on top", () => {
    const masks = [
      { id: "a", region: square(10, 10, 100, 100), colour: RED },
      { id: "b", region: square(50, 50, 150, 150), colour: BLUE },
    ];
    const pixels = paintTile(masks, style, 0, 0, 0)!;
    const [outside, line, inner] = [9, 11, 12].map((x) => at(pixels, x, 30));
    expect([outside, line, inner]).toEqual([0, rgba(RED, 1), rgba(RED, 0.5)]);
    expect(at(pixels, 80, 80)).toBe(rgba(BLUE, 0.5));
    expect(at(pixels, 99, 80)).toBe(rgba(RED, 1)); // its outline is seen, too
  });

  it("goes on where its neighbour ends: a mask across has no outline there", () => {
    const masks = [{ id: "a", region: square(100, 100, 500, 500), colour: RED }];
    for (const [column, x] of [
      [0, 255],
      [1, 0],
    ]) {
      // prettier-ignore
      expect(at(paintTile(masks, style, 0, column, 0)!, x, 200)).toBe(rgba(RED, 0.5));
    }
    expect(paintTile(masks, style, 0, 3, 0)).toBeNull();
    expect(at(paintTile(masks, style, -1, 0, 0)!, 199, 255)).toBe(0);
    expect(at(paintTile(masks, style, -1, 0, 0)!, 200, 255)).toBe(rgba(RED, 1));
  });

  it("has a rim around the outline if the mask is spoken of", () => {
    const masks = [{ id: "a", region: square(10, 10, 100, 100), colour: RED }];
    const pixels = paintTile(masks, { ...style, rim: 1 }, 0, 0, 0)!;
    expect([10, 11, 13].map((x) => at(pixels, x, 30))).toEqual([
      rgba("#ffffff", 1),
      rgba(RED, 1),
      rgba(RED, 0.5),
    ]);
  });
});
