import { describe, expect, it } from "vitest";
import { ResizeMap, type SizeHw } from "../src/segmenter/resize-map";

describe("a resize map", () => {
  it.each<[SizeHw, SizeHw]>([
    [
      [1200, 1800],
      [683, 1024],
    ],
    [
      [1800, 1200],
      [1024, 683],
    ],
    [
      [1, 5000],
      [1, 1024],
    ],
    [
      [2, 1024],
      [2, 1024],
    ],
    [
      [1, 1],
      [1024, 1024],
    ],
    [
      [3, 2048],
      [2, 1024],
    ], // a half is rounded up
  ])("keeps the shape of %j", (imageHw, contentHw) => {
    expect(new ResizeMap(imageHw, 1024).contentHw).toEqual(contentHw);
  });

  it("maps each axis by its own rounded size", () => {
    const [x, y] = new ResizeMap([1200, 1800], 1024).toInput(500, 375);
    expect(x).toBeCloseTo((500 * 1024) / 1800, 10);
    expect(y).toBeCloseTo((375 * 683) / 1200, 10);
  });

  it("stretches", () => {
    const map = new ResizeMap([1200, 1800], 1024, "stretch");
    expect(map.contentHw).toEqual([1024, 1024]);
    expect(map.toInput(1800, 600)).toEqual([1024, 512]);
  });

  it.each([0, -1, NaN])("refuses an image of %s", (side) => {
    expect(() => new ResizeMap([side, 5], 1024)).toThrow("no map from an image of 5×");
  });
});
