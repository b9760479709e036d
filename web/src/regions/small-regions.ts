// Specks and pinholes, as anymask/core/regions/small_regions.py takes them away: a region is small
// that has fewer pixels than so many, and neighbours at corners hold together.

import { subtract, union } from "./combine";
import { Grid } from "./grid";
import { Region } from "./region";
import { eachRun, fillRuns, piecesOf, type Runs, runsAround, runsOf } from "./runs";

/** Without the islands of fewer than `area` pixels. */
export function dropIslands(region: Region, area: number): Region {
  const runs = runsOf(region);
  const pieces = piecesOf(runs);
  const areas = new Float64Array(pieces.count);
  eachRun(runs, (run, _, start, stop) => (areas[pieces.of[run]] += stop - start));
  if (areas.every((pixels) => pixels >= area)) return region;
  const small = (run: number) => areas[pieces.of[run]] < area;
  return subtract(region, fillRuns(new Grid(region, region.box), runs, small).region());
}

/**
 * With the holes of fewer than `area` pixels. As in Python, a small piece between the region and
 * the edge of the image is a hole, too. A region without pixels has no hole.
 */
export function fillHoles(region: Region, area: number): Region {
  if (region.isEmpty) return region;
  const around = new Surroundings(region);
  return around.fill((piece) => around.areas[piece] < area);
}

/** With all that it encloses, however large. What reaches the edge of the image is no hole. */
export function fillEnclosed(region: Region): Region {
  if (region.isEmpty) return region;
  const around = new Surroundings(region);
  return around.fill((piece) => !around.open.has(piece));
}

/** What is not in a region, in pieces. All rows above its box are alike, as are those below. */
class Surroundings {
  /** In pixels, of each piece. */
  readonly areas: Float64Array;
  /** The pieces that reach the edge of the image. */
  readonly open = new Set<number>();
  private readonly runs: Runs;
  private readonly pieceOf: Int32Array;

  constructor(private readonly region: Region) {
    const { width, height } = region;
    this.runs = runsAround(region);
    const { of, count } = piecesOf(this.runs);
    this.pieceOf = of;
    this.areas = new Float64Array(count);
    eachRun(this.runs, (run, y, start, stop) => {
      const [top, bottom] = this.rowsLike(y);
      this.areas[of[run]] += (stop - start) * (bottom - top);
      if (start === 0 || stop === width || top === 0 || bottom === height) this.open.add(of[run]);
    });
  }

  /** The region with some of the pieces. */
  fill(chosen: (piece: number) => boolean): Region {
    const { width, height } = this.region;
    const whole = (run: number) => chosen(this.pieceOf[run]);
    let reached: [number, number, number, number] = [width, height, 0, 0];
    eachRun(this.runs, (run, y, start, stop) => {
      if (!whole(run)) return;
      const [top, bottom] = this.rowsLike(y);
      const [left, upper, right, lower] = reached;
      reached = [
        Math.min(left, start),
        Math.min(upper, top),
        Math.max(right, stop),
        Math.max(lower, bottom),
      ];
    });
    if (reached[0] >= reached[2]) return this.region;
    const grid = new Grid(this.region, reached);
    eachRun(this.runs, (run, y, start, stop) => {
      if (!whole(run)) return;
      const [top, bottom] = this.rowsLike(y);
      for (let row = top; row < bottom; row++) grid.fill(row, start, stop);
    });
    return union(this.region, grid.region());
  }

  /** The rows that a row of the runs stands for. */
  private rowsLike(y: number): [top: number, bottom: number] {
    const [, top, , bottom] = this.region.box;
    if (y < top) return [0, top];
    if (y >= bottom) return [bottom, this.region.height];
    return [y, y + 1];
  }
}
