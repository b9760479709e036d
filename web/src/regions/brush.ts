// What a brush paints.

import type { BoxXyxy } from "../segmenter";
import { Grid } from "./grid";
import type { ImageSize, Region } from "./region";

/** A place of a stroke, in pixels of the image. */
export interface BrushPoint {
  readonly x: number;
  readonly y: number;
  /** Of the brush here, where a pen is pressed more or less. */
  readonly diameter?: number;
}

type Place = readonly [x: number, y: number];
/** From where to where a row is covered; from above to nothing at first. */
type Reach = { start: number; stop: number };

const LEAST_PX = 1; // a thinner brush would leave gaps

/**
 * The pixels whose middles lie in the brush, or on its rim, anywhere on its way: a disc drawn from
 * point to point, its diameter changing evenly between two. The pixels under the points belong to
 * the stroke in any case, so that every click leaves a mark, and the pixels of a stroke always
 * hold together (by corners at least). `union` with what is there is the brush, `subtract` the
 * eraser.
 */
export function brushStroke(
  image: ImageSize,
  points: readonly BrushPoint[],
  diameter: number,
): Region {
  const discs = points.map((point) => new Disc(point, point.diameter ?? diameter));
  const grid = new Grid(image, boxAround(discs));
  discs.forEach((disc, i) => {
    grid.fill(Math.floor(disc.y), Math.floor(disc.x), Math.floor(disc.x) + 1);
    const before = discs[Math.max(i - 1, 0)];
    sweep(grid, before, disc);
  });
  return grid.region();
}

class Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;

  constructor({ x, y }: BrushPoint, diameter: number) {
    [this.x, this.y, this.radius] = [x, y, Math.max(diameter, LEAST_PX) / 2];
  }

  cover(reach: Reach, y: number): void {
    const half = Math.sqrt(this.radius ** 2 - (y - this.y) ** 2); // not a number: not in this row
    if (!(half >= 0)) return;
    reach.start = Math.min(reach.start, this.x - half);
    reach.stop = Math.max(reach.stop, this.x + half);
  }
}

/** All between two discs and in them: convex, so that each row has one run. */
function sweep(grid: Grid, from: Disc, to: Disc): void {
  const sides = tangents(from, to);
  const [, top, , bottom] = boxAround([from, to]);
  for (let row = Math.max(top, grid.top); row < Math.min(bottom, grid.bottom); row++) {
    const reach = { start: Infinity, stop: -Infinity };
    from.cover(reach, row + 0.5);
    to.cover(reach, row + 0.5);
    for (const [a, b] of sides) coverSide(reach, a, b, row + 0.5);
    if (reach.stop >= reach.start) {
      grid.fill(row, Math.ceil(reach.start - 0.5), Math.floor(reach.stop - 0.5) + 1);
    }
  }
}

/** The two straight sides of what two discs sweep; none if one is in the other. */
function tangents(from: Disc, to: Disc): [Place, Place][] {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy);
  if (length <= Math.abs(from.radius - to.radius)) return [];
  const along = (from.radius - to.radius) / length;
  const across = Math.sqrt(1 - along ** 2);
  return [1, -1].map((side) => {
    const x = (dx * along - side * dy * across) / length;
    const y = (dy * along + side * dx * across) / length;
    const touched = (disc: Disc) => [disc.x + disc.radius * x, disc.y + disc.radius * y] as const;
    return [touched(from), touched(to)];
  });
}

function coverSide(reach: Reach, [x0, y0]: Place, [x1, y1]: Place, y: number): void {
  if (y < Math.min(y0, y1) || y > Math.max(y0, y1)) return;
  const at = y1 === y0 ? [x0, x1] : [x0 + ((y - y0) / (y1 - y0)) * (x1 - x0)];
  reach.start = Math.min(reach.start, ...at);
  reach.stop = Math.max(reach.stop, ...at);
}

function boxAround(discs: readonly Disc[]): BoxXyxy {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y, radius } of discs) {
    left = Math.min(left, Math.floor(x - radius));
    top = Math.min(top, Math.floor(y - radius));
    right = Math.max(right, Math.floor(x + radius) + 1);
    bottom = Math.max(bottom, Math.floor(y + radius) + 1);
  }
  return left < right ? [left, top, right, bottom] : [0, 0, 0, 0];
}
