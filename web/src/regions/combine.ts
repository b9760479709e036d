// The algebra of regions of one image. Regions of images of different sizes throw RegionError.

import type { BoxXyxy } from "../segmenter";
import { Grid } from "./grid";
import type { Region } from "./region";

/** What is in either. */
export function union(a: Region, b: Region): Region {
  return new Grid(a, boxAround(a, b)).add(a).add(b).region();
}

/** What is in the first and not in the second. */
export function subtract(a: Region, b: Region): Region {
  return new Grid(a, a.box).add(a).remove(b).region();
}

/** What is in both. */
export function intersect(a: Region, b: Region): Region {
  return new Grid(a, sharedBox(a.box, b.box)).add(a).keep(b).region();
}

/** What is in one alone. */
export function difference(a: Region, b: Region): Region {
  return new Grid(a, boxAround(a, b)).add(a).flip(b).region();
}

/** Where two boxes overlap; a box without pixels where they do not. */
export function sharedBox(a: BoxXyxy, b: BoxXyxy): BoxXyxy {
  const [left, top] = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  return [left, top, Math.max(Math.min(a[2], b[2]), left), Math.max(Math.min(a[3], b[3]), top)];
}

function boxAround({ box: a, isEmpty }: Region, { box: b, isEmpty: nothing }: Region): BoxXyxy {
  if (isEmpty) return b;
  if (nothing) return a;
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}
