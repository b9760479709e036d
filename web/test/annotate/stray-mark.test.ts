import { describe, expect, it } from "vitest";
import type { DraftingNow } from "../../src/annotate/workspace/drafting";
import { strayMark } from "../../src/annotate/workspace/stray-mark";
import { brushStroke } from "../../src/regions";

const SIZE = { width: 400, height: 300 };
const SETTINGS = { brushDiameter: 24, smallestArea: 100 };
const NOW: DraftingNow = {
  ...{ points: [], box: null, region: null, maskId: null, answers: [], chosen: 0 },
  ...{ isAsking: false, undoable: null, redoable: null },
};
const stroke = (to: number, diameter = 24) =>
  brushStroke(SIZE, [{ x: 50, y: 50 }, { x: to, y: 50 }], diameter); // prettier-ignore
const point = { x: 50, y: 50, label: 1 } as const;

describe("a mask in work when somebody is done", () => {
  it("is one where it was drawn with intent", () => {
    expect(strayMark(NOW, SETTINGS)).toBeNull();
    expect(strayMark({ ...NOW, region: stroke(120) }, SETTINGS)).toBeNull();
    expect(strayMark({ ...NOW, region: stroke(50), points: [point] }, SETTINGS)).toBeNull();
    expect(strayMark({ ...NOW, region: stroke(50, 4), maskId: "refined" }, SETTINGS)).toBeNull();
  });

  it("is asked about where it is a dab, or next to nothing", () => {
    const dab = strayMark({ ...NOW, region: stroke(50) }, SETTINGS);
    expect(dab).toMatchObject({ keep: "Yes, keep it" });
    expect(dab!.text).toContain("one dab of the brush");
    const speck = strayMark({ ...NOW, region: stroke(50, 4), points: [point] }, SETTINGS);
    expect(speck!.text).toMatch(/^It has \d+ pixels\. Is it a mask\?$/);
  });

  it("is asked about where the model has not answered: there is nothing to keep", () => {
    expect(strayMark({ ...NOW, isAsking: true }, SETTINGS)).toMatchObject({ keep: null });
  });
});
