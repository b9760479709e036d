import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Part, type Reach, repeated } from "../src/segmenter/tiny-vit/repeated";

const part = (reach: Reach, unit = 1): Part => ({ known: 0, reach, unit });
const near = (stride: number) => part({ kind: "near", stride });
const windows = (side: number) => part({ kind: "window", side });

/** What a step makes of rows, as names: two have one name if they are made of the same. */
function made(rows: readonly number[], reach: Reach, names: Map<string, number>): number[] {
  const name = (of: unknown) => {
    const key = JSON.stringify([reach, of]);
    if (!names.has(key)) names.set(key, names.size);
    return names.get(key)!;
  };
  if (reach.kind === "row") return rows.map((row) => name(row));
  if (reach.kind === "near") {
    return Array.from({ length: rows.length / reach.stride }, (_, y) =>
      name([-1, 0, 1].map((dy) => rows[y * reach.stride + dy] ?? "border")),
    );
  }
  return rows.map((_, y) => {
    const top = y - (y % reach.side);
    const window = Array.from({ length: reach.side }, (_, i) => rows[top + i] ?? "fill");
    return name([y - top, window]);
  });
}

describe("repeated rows", () => {
  it("are none where the picture fills its square", () => {
    expect(repeated([near(2), windows(7)], 64, 64)).toEqual([
      [0, 0, 0, 0, 1],
      [0, 0, 0, 0, 1],
    ]);
  });

  it("begin a row after the first that no picture reaches, and end before the border", () => {
    expect(repeated([near(1), part({ kind: "row" }, 5)], 10, 64)).toEqual([
      [12, 63, 12, 63, 1],
      [60, 315, 12, 63, 1],
    ]);
    expect(repeated([part({ kind: "window", side: 7 }, 1 / 7)], 10, 64)).toEqual([
      [3, 9, 21, 63, 7],
    ]);
  });

  it("are as those before them, whatever the steps", () => {
    const step = fc.constantFrom(
      near(1),
      near(2),
      part({ kind: "row" }),
      windows(7),
      windows(14),
      windows(4),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 9 }), fc.integer({ min: 1, max: 128 }), (all, h) => {
        let strides = 0;
        const steps = all.filter(
          (s) => s.reach.kind !== "near" || s.reach.stride < 2 || ++strides < 4,
        );
        const names = new Map<string, number>();
        let rows = Array.from({ length: 128 }, (_, y) => -1 - Math.min(y, h));
        for (const [i, [, , first, end, period]] of repeated(steps, h, 128).entries()) {
          rows = made(rows, steps[i].reach, names);
          for (let y = first; y < end; y++) expect(rows[y]).toBe(rows[y - period]);
        }
      }),
      { numRuns: 50 },
    );
  });
});
