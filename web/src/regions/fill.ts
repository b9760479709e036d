// Polygons to regions.

import type { BoxXyxy } from "../segmenter";
import { Grid } from "./grid";
import type { ImageSize, Region } from "./region";

/** A place of the image: pixel (x, y) is the square from there to (x + 1, y + 1). */
export type Place = readonly [x: number, y: number];
/** A closed line; its last place is joined to its first. */
export type Ring = readonly Place[];
/** As a canvas fills. */
export type FillRule = "evenodd" | "nonzero";

/** A side of a ring and the rows whose middles it passes. */
interface Side {
  readonly first: number;
  readonly end: number;
  /** A place of it, and how much further right it is a row below. */
  readonly x: number;
  readonly y: number;
  readonly slope: number;
  readonly turn: 1 | -1;
}

/**
 * The pixels whose middles are inside of rings; a middle on a left or upper side is, on a right or
 * lower one is not. So the ring (1,1), (5,1), (5,4), (1,4) has 12 pixels, and shapes that share a
 * side share no pixel.
 *
 * rule: a ring in another is a hole ("evenodd", for polygons with holes whichever way they run), or
 * what is gone round in one way more than in the other is inside ("nonzero", for a hand's loops).
 */
export function fillRings(
  image: ImageSize,
  rings: readonly Ring[],
  rule: FillRule = "evenodd",
): Region {
  const grid = new Grid(image, boxAround(rings));
  const waiting = rings.flatMap((ring) => sidesOf(ring, grid)).sort((a, b) => b.first - a.first);
  let sides: Side[] = [];
  for (let y = grid.top; y < grid.bottom; y++) {
    sides = sides.filter(({ end }) => end > y);
    while (waiting.length && waiting[waiting.length - 1].first <= y) sides.push(waiting.pop()!);
    fillRow(grid, y, sides, rule);
  }
  return grid.region();
}

/** What a hand has gone round; where it crosses its own way, all loops are inside. */
export function fillLasso(image: ImageSize, places: Ring): Region {
  return fillRings(image, [places], "nonzero");
}

function fillRow(grid: Grid, y: number, sides: readonly Side[], rule: FillRule): void {
  const crossings = sides
    .map((side) => ({ x: side.x + (y + 0.5 - side.y) * side.slope, turn: side.turn }))
    .sort((a, b) => a.x - b.x);
  let winding = 0;
  crossings.forEach(({ x, turn }, i) => {
    winding = rule === "evenodd" ? winding ^ 1 : winding + turn;
    if (!winding) return;
    // A middle at x + 0.5 is inside from the crossing on to before the next.
    grid.fill(y, Math.ceil(x - 0.5), Math.ceil(crossings[i + 1].x - 0.5));
  });
}

function sidesOf(ring: Ring, { top, bottom }: Grid): Side[] {
  return ring.flatMap(([x0, y0], i) => {
    const [x1, y1] = ring[(i + 1) % ring.length];
    const first = Math.max(Math.ceil(Math.min(y0, y1) - 0.5), top);
    const end = Math.min(Math.ceil(Math.max(y0, y1) - 0.5), bottom);
    if (first >= end) return [];
    return { first, end, x: x0, y: y0, slope: (x1 - x0) / (y1 - y0), turn: y1 > y0 ? 1 : -1 };
  });
}

function boxAround(rings: readonly Ring[]): BoxXyxy {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of rings.flat()) {
    left = Math.min(left, Math.floor(x));
    top = Math.min(top, Math.floor(y));
    right = Math.max(right, Math.ceil(x));
    bottom = Math.max(bottom, Math.ceil(y));
  }
  return left < right ? [left, top, right, bottom] : [0, 0, 0, 0];
}
