// A part of a region at the resolution of the screen.
//
// Level 0 has a cell for each pixel, level 1 for two by two, level -1 four cells for each pixel. A
// cell is in the region if any of its pixels is, so that small masks do not vanish.

import { halved, type Region } from "../../regions";

/** Cells in rows of words, as in a region. */
export interface Cells {
  readonly words: Int32Array;
  readonly rowWords: number;
}

const reduced = new WeakMap<Region, Region>();

/** The region at half the size, made once. */
function half(region: Region): Region {
  let smaller = reduced.get(region);
  if (!smaller) reduced.set(region, (smaller = halved(region)));
  return smaller;
}

/** Cells from word `column` and row `top` on; null if none is in the region. */
export function cellsOf(
  region: Region,
  level: number,
  column: number,
  top: number,
  rowWords: number,
  rows: number,
): Cells | null {
  for (; level > 0; level--) region = half(region);
  const words = new Int32Array(rowWords * rows);
  const first = Math.max(top, region.box[1] << -level);
  const end = Math.min(top + rows, region.box[3] << -level);
  let any = 0;
  for (let y = first; y < end; y++) {
    const at = (y - top) * rowWords;
    const again = y > first && level < 0 && y >> -level === (y - 1) >> -level;
    if (again) words.copyWithin(at, at - rowWords, at);
    else
      for (let i = 0; i < rowWords; i++) any |= words[at + i] = word(region, y, column + i, level);
  }
  return any ? { words, rowWords } : null;
}

/** 32 cells of a row. */
function word(region: Region, y: number, column: number, level: number): number {
  if (!level) return region.word(y, column);
  const times = 1 << -level; // cells for each pixel
  const count = 32 >> -level; // pixels in a word of cells
  const x = (32 * column) >> -level;
  const pixels = region.word(y >> -level, x >> 5) >>> (x & 31);
  let cells = 0;
  for (let i = 0; i < count; i++)
    if ((pixels >>> i) & 1) cells |= ((1 << times) - 1) << (i * times);
  return cells;
}

/** Without the cells at the border, by their four neighbours. Those beyond the edges are none. */
export function eroded(cells: Cells): Cells {
  return filtered(cells, (i) => beside(cells, i) & aboveAndBelow(cells, i));
}

/**
 * Of the cells at the border those of dashes, so long and so far apart: counted along the rows where
 * the border runs more that way, else along the columns, so that lines of all directions have them.
 * top: the row of the whole that the first row is, for dashes to go on from tile to tile.
 */
export function dashes(cells: Cells, top: number, length: number): Cells {
  let along = 0;
  for (let x = 0; x < 32; x++) if (Math.floor(x / length) % 2 === 0) along |= 1 << x;
  return filtered(cells, (i) => {
    const level = aboveAndBelow(cells, i);
    const upright = level & ~beside(cells, i);
    const y = top + Math.floor(i / cells.rowWords);
    const drawn = Math.floor(y / length) % 2 === 0;
    return (~level & along) | (drawn ? upright : 0);
  });
}

/** The cells of which a question is answered with one. */
function filtered({ words, rowWords }: Cells, keeps: (i: number) => number): Cells {
  const kept = new Int32Array(words.length);
  for (let i = 0; i < words.length; i++) if (words[i]) kept[i] = words[i] & keeps(i);
  return { words: kept, rowWords };
}

/** Whether there is a cell to the left and one to the right. */
function beside({ words, rowWords }: Cells, i: number): number {
  const column = i % rowWords;
  const left = (words[i] << 1) | (column ? words[i - 1] >>> 31 : 0);
  const right = (words[i] >>> 1) | (column + 1 < rowWords ? words[i + 1] << 31 : 0);
  return left & right;
}

function aboveAndBelow({ words, rowWords }: Cells, i: number): number {
  const above = i < rowWords ? 0 : words[i - rowWords];
  return i + rowWords < words.length ? above & words[i + rowWords] : 0;
}
