// What holds together in a region, and cutting it apart.

import type { BoxXyxy } from "../segmenter";
import { type BrushPoint, brushStroke } from "./brush";
import { intersect, subtract, union } from "./combine";
import { Grid } from "./grid";
import { extend } from "./grow";
import type { Region } from "./region";
import { type Connectivity, eachRun, piecesOf, type Runs, runsOf } from "./runs";

// All pixels that a line passes have their middles nearer to it than half of this: what is left
// does not hold together across the line, not even by corners.
const CUT_PX = 1.5;
const NEIGHBOURS_PX = 1.5; // all eight

/** The pieces of a region that hold together, by their first pixels, row by row. */
export function components(region: Region, connectivity: Connectivity = 8): Region[] {
  const runs = runsOf(region);
  const pieces = piecesOf(runs, connectivity);
  if (pieces.count < 2) return region.isEmpty ? [] : [region];
  const grids = boxesOf(runs, pieces.of, pieces.count).map((box) => new Grid(region, box));
  eachRun(runs, (run, y, start, stop) => grids[pieces.of[run]].fill(y, start, stop));
  return grids.map((grid) => grid.region());
}

/**
 * Cut along a line of at least two points, XY: the parts, the largest first, which have all pixels of
 * the region between them and none twice. Islands that the line does not divide stay with the
 * largest part; a line that divides nothing gives the region alone.
 */
export function cut(region: Region, line: readonly BrushPoint[]): Region[] {
  const blade = brushStroke(region, line, CUT_PX);
  const parts: Region[] = [];
  const whole: Region[] = [];
  for (const island of components(region)) {
    const pieces = components(subtract(island, blade));
    if (pieces.length < 2) whole.push(island);
    else parts.push(...shareOut(pieces, intersect(island, blade)));
  }
  if (!parts.length) return region.isEmpty ? [] : [region];
  parts.sort((a, b) => b.area - a.area);
  parts[0] = whole.reduce(union, parts[0]);
  return parts;
}

/** Give pixels to the pieces that they touch, ring by ring, so that each goes to the nearest. */
function shareOut(pieces: Region[], rest: Region): Region[] {
  while (!rest.isEmpty) {
    const before = rest.area;
    pieces = pieces.map((piece) => {
      const more = intersect(extend(piece, NEIGHBOURS_PX), rest);
      rest = subtract(rest, more);
      return union(piece, more);
    });
    if (rest.area === before) break; // cannot be: an island holds together
  }
  return pieces;
}

function boxesOf(runs: Runs, pieceOf: Int32Array, count: number): BoxXyxy[] {
  const boxes = Array.from(
    { length: count },
    () => [Infinity, Infinity, 0, 0] as [number, number, number, number],
  );
  eachRun(runs, (run, y, start, stop) => {
    const box = boxes[pieceOf[run]];
    box[0] = Math.min(box[0], start);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], stop);
    box[3] = Math.max(box[3], y + 1);
  });
  return boxes;
}
