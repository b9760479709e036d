// A region row by row as runs: what connects pixels looks at these, and not at each pixel.

import { lowest } from "./bits";
import type { Grid } from "./grid";
import type { Region } from "./region";

/** Runs of pixels, row by row, from left to right. */
export class Runs {
  private edges = new Int32Array(64); // start and stop of each run
  /** The first run of each row, and after the last row the number of runs. */
  readonly rowStarts: number[] = [0];
  private filled = 0;

  /** top: the row of the image that the first row is. */
  constructor(readonly top: number) {}

  get count(): number {
    return this.filled / 2;
  }

  get rows(): number {
    return this.rowStarts.length - 1;
  }

  start(run: number): number {
    return this.edges[2 * run];
  }

  /** After the last pixel. */
  stop(run: number): number {
    return this.edges[2 * run + 1];
  }

  /** Where the row changes next, from outside to inside or back. */
  push(edge: number): void {
    if (this.filled === this.edges.length) {
      const edges = new Int32Array(2 * this.filled);
      edges.set(this.edges);
      this.edges = edges;
    }
    this.edges[this.filled++] = edge;
  }

  endRow(): void {
    this.rowStarts.push(this.count);
  }
}

export function runsOf(region: Region): Runs {
  const { words, rowWords, firstWord, box } = region;
  const runs = new Runs(box[1]);
  for (let i = 0; i < words.length;) {
    let last = 0; // the pixel before, as the lowest bit
    for (let column = 0; column < rowWords; column++, i++) {
      let differs = words[i] ^ ((words[i] << 1) | last);
      last = words[i] >>> 31;
      for (; differs; differs &= differs - 1) {
        runs.push(32 * (firstWord + column) + lowest(differs));
      }
    }
    if (last) runs.push(32 * (firstWord + rowWords));
    runs.endRow();
  }
  return runs;
}

/** What is not in the region, in its rows and those next to them, as wide as the image. */
export function runsAround(region: Region): Runs {
  const { width, height, box } = region;
  const inside = runsOf(region);
  const runs = new Runs(Math.max(box[1] - 1, 0));
  for (let y = runs.top; y < Math.min(box[3] + 1, height); y++) {
    const row = y - inside.top;
    const within = row >= 0 && row < inside.rows;
    let start = 0;
    for (
      let run = within ? inside.rowStarts[row] : 0;
      within && run < inside.rowStarts[row + 1];
      run++
    ) {
      if (inside.start(run) > start) {
        runs.push(start);
        runs.push(inside.start(run));
      }
      start = inside.stop(run);
    }
    if (start < width) {
      runs.push(start);
      runs.push(width);
    }
    runs.endRow();
  }
  return runs;
}

/** By which neighbours pixels hold together: the four at their sides, or those at corners, too. */
export type Connectivity = 4 | 8;

/** Which piece each run is part of. Pieces are numbered by their first runs. */
export interface Pieces {
  readonly of: Int32Array;
  readonly count: number;
}

export function piecesOf(runs: Runs, connectivity: Connectivity = 8): Pieces {
  const parents = Int32Array.from({ length: runs.count }, (_, run) => run);
  const reach = connectivity === 8 ? 0 : 1; // how many columns runs must share to hold together
  for (let row = 1; row < runs.rows; row++) {
    const [above, first, end] = runs.rowStarts.slice(row - 1, row + 2);
    for (let upper = above, lower = first; upper < first && lower < end;) {
      const start = Math.max(runs.start(upper), runs.start(lower));
      const stop = Math.min(runs.stop(upper), runs.stop(lower));
      if (stop - start >= reach) join(parents, upper, lower);
      if (runs.stop(upper) < runs.stop(lower)) upper++;
      else lower++;
    }
  }
  const of = new Int32Array(runs.count);
  let count = 0;
  for (let run = 0; run < runs.count; run++) {
    const root = rootOf(parents, run);
    of[run] = root === run ? count++ : of[root]; // a root is the first run of its piece
  }
  return { of, count };
}

function join(parents: Int32Array, a: number, b: number): void {
  const [first, second] = [rootOf(parents, a), rootOf(parents, b)];
  parents[Math.max(first, second)] = Math.min(first, second);
}

function rootOf(parents: Int32Array, run: number): number {
  while (parents[run] !== run) {
    parents[run] = parents[parents[run]];
    run = parents[run];
  }
  return run;
}

/** Every run with its row in the image. */
export function eachRun(
  runs: Runs,
  visit: (run: number, y: number, start: number, stop: number) => void,
): void {
  for (let row = 0, run = 0; row < runs.rows; row++) {
    for (; run < runs.rowStarts[row + 1]; run++) {
      visit(run, runs.top + row, runs.start(run), runs.stop(run));
    }
  }
}

/** Put a region's runs into a grid. */
export function fillRuns(grid: Grid, runs: Runs, chosen: (run: number) => boolean): Grid {
  eachRun(runs, (run, y, start, stop) => chosen(run) && grid.fill(y, start, stop));
  return grid;
}
