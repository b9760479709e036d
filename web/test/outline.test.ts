import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { borders } from "../src/page/outline";
import { drawnMask } from "./drawn-mask";

/** The pieces as text, in no order. */
const pieces = (rows: string[]) => {
  const all = borders(drawnMask(rows));
  return Array.from({ length: all.length / 4 }, (_, i) => all.slice(4 * i, 4 * i + 4).join(" "));
};

describe("the border of a mask", () => {
  it("runs on pixel corners, in pieces as long as they are straight", () => {
    expect(pieces(["....", ".##.", "...."]).sort()).toEqual([
      "1 1 1 2",
      "1 1 3 1",
      "1 2 3 2",
      "3 1 3 2",
    ]);
  });

  it("is there at the edge of the image, and around holes", () => {
    expect(pieces(["#"]).sort()).toEqual(["0 0 0 1", "0 0 1 0", "0 1 1 1", "1 0 1 1"]);
    expect(pieces(["###", "#.#", "###"])).toHaveLength(8);
  });

  it("of nothing is nothing", () => {
    expect(pieces(["..", ".."])).toEqual([]);
  });

  it("is as long as there are neighbours that differ", () => {
    const pictures = fc.integer({ min: 1, max: 7 }).chain((width) =>
      fc.array(fc.string({ unit: fc.constantFrom("#", "."), minLength: width, maxLength: width }), {
        minLength: 1,
        maxLength: 7,
      }),
    );
    fc.assert(
      fc.property(pictures, (rows) => {
        const around = [".".repeat(rows[0].length), ...rows, ".".repeat(rows[0].length)];
        const framed = around.map((row) => `.${row}.`);
        let expected = 0;
        framed.forEach((row, y) => {
          for (let x = 0; x < row.length; x++) {
            if (x && row[x] !== row[x - 1]) expected++;
            if (y && row[x] !== framed[y - 1][x]) expected++;
          }
        });
        const all = borders(drawnMask(rows));
        let length = 0;
        for (let i = 0; i < all.length; i += 4) {
          length += Math.abs(all[i + 2] - all[i]) + Math.abs(all[i + 3] - all[i + 1]);
        }
        expect(length).toBe(expected);
      }),
    );
  });
});
