// Low-resolution logits to the mask of the image: what `upsample` of anymask/core/masks.py gives,
// compared with the threshold, at a cost that follows the mask's border and not the image.

import { type Axis, composedAxis } from "./axis";
import type { BoxXyxy } from "./prompts";
import type { ResizeMap } from "./resize-map";

/** A mask at the size of the original image. */
export interface FullMask {
  /** 1 where the object is and 0 elsewhere, row by row. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** Number of pixels that are 1. */
  readonly area: number;
  /** The tight box, its far corner exclusive; zeros if the mask is empty. */
  readonly box: BoxXyxy;
}

/** Makes masks of one image from low-resolution logits (side × side, over the whole square). */
export class Upsampler {
  private readonly columns: Axis;
  private readonly rows: Axis;

  constructor(
    private readonly side: number,
    private readonly map: ResizeMap,
  ) {
    const [height, width] = map.imageHw;
    const [contentH, contentW] = map.contentHw;
    this.columns = composedAxis(side, map.inputPx, contentW, width);
    this.rows = composedAxis(side, map.inputPx, contentH, height);
  }

  /** Logits above zero are the object. */
  threshold(logits: Float32Array): FullMask {
    const [height, width] = this.map.imageHw;
    const { first, share } = this.rows;
    const reach = reachOf(logits, this.side);
    const columns = reach.columnsOf(this.columns);
    const wide = new WideRows(logits, this.side, this.columns, columns);
    const painter = new Painter(width, height, columns);
    // Rows of the image between the same rows of logits go together.
    for (let top = 0, end = 0; top < height; top = end) {
      for (end = top + 1; end < height && first[end] === first[top]; end++);
      if (reach.isIn(first[top])) painter.paint(wide.three(first[top]), share, top, end);
    }
    return { pixels: painter.pixels, width, height, area: painter.area, box: painter.box() };
  }
}

/** Columns of the image, the end exclusive. */
type Span = readonly [start: number, end: number];

/** Where the object can be: no mean of what is below the threshold is above it. */
class Reach {
  /** rows: 1 where a row of logits holds some of the object; left, right: its outermost columns. */
  constructor(
    private readonly rows: Uint8Array,
    private readonly left: number,
    private readonly right: number,
  ) {}

  /** Whether anything of the object can be between a row and the next two. */
  isIn(first: number): boolean {
    const { rows } = this;
    return rows[first] + rows[first + 1] + rows[first + 2] > 0;
  }

  /** The columns of the image in which anything of it can be. */
  columnsOf({ first }: Axis): Span {
    let [start, end] = [0, first.length];
    while (start < end && first[start] + 2 < this.left) start++;
    while (end > start && first[end - 1] > this.right) end--;
    return [start, end];
  }
}

function reachOf(logits: Float32Array, side: number): Reach {
  const rows = new Uint8Array(side + 2); // two more, for those that end at the last
  let [left, right] = [side, -1];
  for (let y = 0, at = 0; y < side; y++, at += side) {
    let x = 0;
    while (x < side && !(logits[at + x] > 0)) x++;
    if (x === side) continue;
    rows[y] = 1;
    if (x < left) left = x;
    let last = side - 1;
    while (!(logits[at + last] > 0)) last--;
    if (last > right) right = last;
  }
  return new Reach(rows, left, right);
}

/** Three rows of logits, as wide as the image. */
type Rows = readonly [Float32Array, Float32Array, Float32Array];

/** Rows of logits made as wide as the image, in `span` of it; the last three asked for are kept. */
class WideRows {
  private readonly kept: { row: number; values: Float32Array }[];
  private readonly narrow: Float32Array; // a row, and two more pixels whose share is always zero

  constructor(
    private readonly logits: Float32Array,
    private readonly side: number,
    private readonly columns: Axis,
    private readonly span: Span,
  ) {
    const width = columns.first.length;
    this.kept = [0, 1, 2].map(() => ({ row: -1, values: new Float32Array(width) }));
    this.narrow = new Float32Array(side + 2);
  }

  three(first: number): Rows {
    return [this.row(first), this.row(first + 1), this.row(first + 2)];
  }

  private row(number: number): Float32Array {
    const kept = this.kept[number % 3];
    const row = Math.min(number, this.side - 1); // what is beyond the last has no share
    if (kept.row !== row) this.widen(row, kept.values);
    kept.row = row;
    return kept.values;
  }

  private widen(row: number, values: Float32Array): void {
    const { narrow, side } = this;
    const { first, share } = this.columns;
    narrow.set(this.logits.subarray(row * side, (row + 1) * side));
    const [start, end] = this.span;
    for (let x = start; x < end; x++) {
      const at = first[x];
      values[x] =
        share[3 * x] * narrow[at] +
        share[3 * x + 1] * narrow[at + 1] +
        share[3 * x + 2] * narrow[at + 2];
    }
  }
}

/** The mask in the making. */
class Painter {
  readonly pixels: Uint8Array<ArrayBuffer>;
  area = 0;
  private left: number;
  private right = 0;
  private top = -1;
  private bottom = 0;
  private readonly runs: Int32Array; // of a row: start, end and whether all of it is object

  constructor(
    private readonly width: number,
    height: number,
    private readonly span: Span,
  ) {
    this.pixels = new Uint8Array(width * height);
    this.left = width;
    this.runs = new Int32Array(3 * width);
  }

  box(): BoxXyxy {
    return this.area ? [this.left, this.top, this.right, this.bottom] : [0, 0, 0, 0];
  }

  /** Paint the rows `top` to `end` of the image, all of which lie between the same three. */
  paint(rows: Rows, shares: Float32Array, top: number, end: number): void {
    const { runs } = this;
    const count = this.split(rows);
    for (let y = top; y < end; y++) {
      const before = this.area;
      for (let run = 0; run < count; run += 3) {
        if (runs[run + 2]) this.fill(y, runs[run], runs[run + 1]);
        else this.compare(y, rows, shares, runs[run], runs[run + 1]);
      }
      if (this.area === before) continue;
      if (this.top < 0) this.top = y;
      this.bottom = y + 1;
    }
  }

  /** Find the runs of the span: a mean of three is above zero if all are, and can't be if none is. */
  private split([a, b, c]: Rows): number {
    const { runs } = this;
    const [start, end] = this.span;
    let count = 0;
    let open = 0; // how many of the three are above zero in the run that x continues: 0, some, 3
    for (let x = start; x < end; x++) {
      const above = +(a[x] > 0) + +(b[x] > 0) + +(c[x] > 0);
      const kind = above === 0 || above === 3 ? above : 1;
      if (kind === open) continue;
      if (open) runs[count - 2] = x;
      if (kind) {
        runs[count] = x;
        runs[count + 1] = end;
        runs[count + 2] = +(kind === 3);
        count += 3;
      }
      open = kind;
    }
    return count;
  }

  private fill(y: number, start: number, end: number): void {
    this.pixels.fill(1, y * this.width + start, y * this.width + end);
    this.area += end - start;
    if (start < this.left) this.left = start;
    if (end > this.right) this.right = end;
  }

  /** Numbers one by one: this is where the time of a mask goes. */
  private compare(y: number, [a, b, c]: Rows, shares: Float32Array, start: number, end: number) {
    const { pixels } = this;
    const line = y * this.width;
    const shareA = shares[3 * y];
    const shareB = shares[3 * y + 1];
    const shareC = shares[3 * y + 2];
    let area = 0;
    let first = end;
    let last = -1;
    for (let x = start; x < end; x++) {
      if (!(shareA * a[x] + shareB * b[x] + shareC * c[x] > 0)) continue;
      pixels[line + x] = 1;
      area++;
      if (first === end) first = x;
      last = x;
    }
    if (!area) return;
    this.area += area;
    if (first < this.left) this.left = first;
    if (last >= this.right) this.right = last + 1;
  }
}
