import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cocoOf } from "../src/page/coco";
import { compress, encodeRle, runs } from "../src/page/rle";
import { drawnMask } from "./drawn-mask";

/** The way back, as maskApi.c goes it. */
function expand(counts: string): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < counts.length;) {
    let value = 0;
    let shift = 0;
    let letter;
    do {
      letter = counts.charCodeAt(at++) - 48;
      value |= (letter & 31) << shift;
      shift += 5;
    } while (letter & 32);
    if (letter & 16) value |= -1 << shift;
    lengths.push(lengths.length > 2 ? value + lengths.at(-2)! : value);
  }
  return lengths;
}

describe("run lengths", () => {
  it.each([
    [["..", "..", ".."], "6"],
    [["##", "##", "##"], "06"],
    [[".#.", "###", ".#."], "11120N0"],
    [["#...", "....", "...#"], "01:0"],
  ])("of %j are those of pycocotools", (rows, counts) => {
    expect(encodeRle(drawnMask(rows))).toEqual({ size: [rows.length, rows[0].length], counts });
  });

  it("of many letters are those of pycocotools", () => {
    expect(compress([10, 640, 53, 2, 695, 700])).toBe(":Pd0e1R\\ORd0je0");
  });

  it("go column by column, the first outside of the mask", () => {
    expect(runs(drawnMask(["##.", "..."]).pixels, 3, 2)).toEqual([0, 1, 1, 1, 3]);
  });

  it("come back", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 2 ** 27 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(lengths, (given) => {
        expect(expand(compress(given))).toEqual(given);
      }),
    );
  });
});

describe("a COCO file", () => {
  it("has one image and one annotation, numbered from 1", () => {
    const content = cocoOf(drawnMask(["....", ".##.", ".#.."]), "dog.tif");
    expect(content.images).toEqual([{ id: 1, file_name: "dog.tif", width: 4, height: 3 }]);
    expect(content.annotations).toEqual([
      {
        id: 1,
        image_id: 1,
        category_id: content.categories[0].id,
        segmentation: { size: [3, 4], counts: expect.any(String) },
        bbox: [1, 1, 2, 2],
        area: 3,
        iscrowd: 0,
        score: 0.75,
        predicted_iou: 0.75,
      },
    ]);
  });
});
