// The borders of a region on the corners of its pixels, which enclose exactly its pixels
// (anymask/core/regions/rings.py says why contours through the middles of pixels do not).

import { lowest } from "./bits";
import { components } from "./components";
import type { Place, Ring } from "./fill";
import type { Region } from "./region";

/** What holds together by the sides of pixels: the ring around it, and one for each hole. */
export interface Polygon {
  readonly outer: Ring;
  readonly holes: readonly Ring[];
}

/**
 * The polygons of a region, from the top down; `fillRings` of all rings is the region again. Rings
 * turn at every place and touch themselves nowhere. As numbers (y taken as upward) outer ones run
 * counter-clockwise and holes clockwise.
 */
export function polygonsOf(region: Region): Polygon[] {
  return components(region, 4).map((piece) => {
    const [outer, ...holes] = ringsOf(piece); // the first from the top is around all
    return { outer, holes };
  });
}

/** All rings of polygons, as a canvas or `fillRings` takes them. */
export function ringsIn(polygons: readonly Polygon[]): Ring[] {
  return polygons.flatMap(({ outer, holes }) => [outer, ...holes]);
}

/** The rings of a piece, each from its first corner row by row. */
function ringsOf(piece: Region): Ring[] {
  const corners = new Corners(piece);
  const rings: Ring[] = [];
  const seen = new Uint8Array(corners.count);
  for (let first = 0; first < corners.count; first++) {
    if (seen[first]) continue;
    const ring: Place[] = [];
    let corner = first;
    do {
      const end = corners.level(corner);
      ring.push(corners.place(corner), corners.place(end));
      seen[corner] = seen[end] = 1;
      corner = corners.upright(end);
    } while (corner !== first);
    // The way begins to the right at an upper left corner: round the outside that is
    // counter-clockwise as numbers, and holes are to run the other way.
    rings.push(rings.length ? ring.reverse() : ring);
  }
  return rings;
}

/**
 * Where the border turns, row by row. Each corner has a partner on its level side and one on its
 * upright side. Where two pixels meet by their corners alone there are two: they hold together some
 * other way round, so one of the two between them is in a hole, and the border turns round each.
 */
class Corners {
  private readonly xs: number[] = [];
  private readonly ys: number[] = [];
  private readonly partners: number[] = []; // above or below
  private readonly open: Int32Array; // the corner from which an upright side comes down, or -1

  constructor(private readonly region: Region) {
    const [left, top, right, bottom] = region.box;
    this.open = new Int32Array(right - left + 1).fill(-1);
    for (let y = top; y <= bottom; y++) this.scan(y);
  }

  get count(): number {
    return this.xs.length;
  }

  place(corner: number): Place {
    return [this.xs[corner], this.ys[corner]];
  }

  /** The other end of the level side: in a row, corners go in pairs. */
  level(corner: number): number {
    return corner ^ 1;
  }

  upright(corner: number): number {
    return this.partners[corner];
  }

  /** The corners on the line above a row. */
  private scan(y: number): void {
    const { region } = this;
    const end = region.firstWord + region.rowWords;
    let [lastAbove, lastBelow] = [0, 0]; // the pixels before, as lowest bits
    for (let column = region.firstWord; column <= end; column++) {
      const [above, below] = [region.word(y - 1, column), region.word(y, column)];
      const aboveTurns = above ^ ((above << 1) | lastAbove);
      const belowTurns = below ^ ((below << 1) | lastBelow);
      [lastAbove, lastBelow] = [above >>> 31, below >>> 31];
      const crossings = aboveTurns & belowTurns & (above ^ below); // four pixels like a chessboard
      for (let turns = (aboveTurns ^ belowTurns) | crossings; turns; turns &= turns - 1) {
        const bit = lowest(turns);
        const x = 32 * column + bit;
        if (!((crossings >>> bit) & 1)) this.turn(x, y);
        else this.cross(x, y, ((below >>> bit) & 1) === 1);
      }
    }
  }

  private turn(x: number, y: number): void {
    const at = x - this.region.box[0];
    const corner = this.add(x, y);
    if (this.open[at] < 0) this.open[at] = corner;
    else {
      this.join(this.open[at], corner);
      this.open[at] = -1;
    }
  }

  /** falling: the pixels that meet are upper left and lower right. */
  private cross(x: number, y: number, falling: boolean): void {
    const at = x - this.region.box[0];
    const [left, right] = [this.add(x, y), this.add(x, y)];
    this.join(this.open[at], falling ? right : left);
    this.open[at] = falling ? left : right;
  }

  private add(x: number, y: number): number {
    this.ys.push(y);
    this.partners.push(-1);
    return this.xs.push(x) - 1;
  }

  private join(upper: number, lower: number): void {
    [this.partners[upper], this.partners[lower]] = [lower, upper];
  }
}
