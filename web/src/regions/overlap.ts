// How much two regions of one image are the same.

import { ones } from "./bits";
import { sharedBox } from "./combine";
import type { Region } from "./region";

/** Intersection over union, 0 to 1; 0 of two without pixels. */
export function iou(a: Region, b: Region): number {
  const shared = sharedArea(a, b);
  return shared && shared / (a.area + b.area - shared);
}

/** Whether the IoU of two is at least so much; most pairs need no look at their pixels. */
export function isAlike(a: Region, b: Region, least: number): boolean {
  // No more is shared than the smaller has.
  const [smaller, larger] = a.area < b.area ? [a.area, b.area] : [b.area, a.area];
  return smaller / larger >= least && iou(a, b) >= least;
}

function sharedArea(a: Region, b: Region): number {
  const [left, top, right, bottom] = sharedBox(a.box, b.box);
  if (left === right) return 0;
  const [from, to] = [left >> 5, (right + 31) >> 5];
  let area = 0;
  for (let y = top; y < bottom; y++) {
    for (let column = from; column < to; column++) {
      const both = a.word(y, column) & b.word(y, column);
      if (both) area += ones(both);
    }
  }
  return area;
}
