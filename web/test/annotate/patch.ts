// A region for tests: a rectangle, written as its numbers.

import type { BoxXyxy } from "../../src/annotate/api/types";
import type { RegionCodec } from "../../src/annotate/document/versions";

export const SIZE = [60, 80] as const; // height, width

export class Patch {
  constructor(readonly box: BoxXyxy) {}

  get area(): number {
    const [left, top, right, bottom] = this.box;
    return (right - left) * (bottom - top);
  }
}

export const patch = (left: number, top = left, side = 5) =>
  new Patch([left, top, left + side, top + side]);

export const CODEC: RegionCodec<Patch> = {
  encode: ({ box }) => ({ size: SIZE, counts: box.join() }),
  decode: ({ counts }) => new Patch(counts.split(",").map(Number) as unknown as BoxXyxy),
};
