import { describe, expect, it } from "vitest";
import type { Mask } from "../src/segmenter";
import { choicesOf, surest } from "../src/segmenter/extents";

const mask = (area: number, predictedIou: number) => ({ area, predictedIou }) as Mask;

describe("the masks of an answer", () => {
  it("are whole, part and subpart by falling area, however sure the model is", () => {
    const [part, subpart, whole] = [mask(50, 0.9), mask(7, 0.8), mask(900, 0.5)];
    const choices = choicesOf([part, subpart, whole]);
    expect(choices).toEqual([
      { name: "whole", mask: whole },
      { name: "part", mask: part },
      { name: "subpart", mask: subpart },
    ]);
    expect(surest(choices)).toBe(1);
  });

  it("of equal area keep their order, and the first of equal scores is chosen", () => {
    const same = [mask(5, 0.9), mask(5, 0.9), mask(5, 0.9)];
    expect(choicesOf(same).map(({ mask }) => mask)).toEqual(same);
    expect(surest(choicesOf(same))).toBe(0);
  });

  it("are nameless where there are not three", () => {
    expect(choicesOf([mask(3, 0.9)])).toEqual([{ name: "mask", mask: mask(3, 0.9) }]);
    expect(choicesOf([])).toEqual([]);
  });
});
