// Masks into the pixels of a tile.

import { type Cells, cellsOf, dashes, eroded } from "./cells";
import type { DrawnMask } from "./drawn-mask";

export const TILE = 256; // cells a side
const TILE_WORDS = TILE / 32;
const MARGIN_ROWS = 16; // around a tile: borders are not as wide, on fine screens either
const DASH = 4; // cells, and as many without

export interface MaskStyle {
  /** Of what is inside of the outline, 0 to 1. */
  readonly opacity: number;
  /** How wide the outline is, in cells. */
  readonly outline: number;
  /** A white line around the outline, in cells: for the masks that are spoken of. */
  readonly rim: number;
}

const WHITE = 0xffffffff;

/**
 * The pixels of a tile, RGBA. Where masks lie over each other the later one's colour is seen, and
 * the outlines of all. Null if no mask is there.
 */
export function paintTile(
  masks: readonly DrawnMask[],
  style: MaskStyle,
  level: number,
  column: number,
  row: number,
): Uint32Array<ArrayBuffer> | null {
  const [left, top, height] = [
    column * TILE_WORDS - 1,
    row * TILE - MARGIN_ROWS,
    TILE + 2 * MARGIN_ROWS,
  ];
  const pieces = masks.flatMap((mask) => {
    const cells = cellsOf(mask.region, level, left, top, TILE_WORDS + 2, height);
    return cells ? [{ mask, cells }] : [];
  });
  if (!pieces.length) return null;
  const pixels = new Uint32Array(TILE * TILE);
  for (const { mask, cells } of pieces) {
    const opacity = mask.suggested ? style.opacity / 2 : style.opacity;
    if (opacity) paint(pixels, cells, rgba(mask.colour, opacity));
  }
  for (const { mask, cells } of pieces) {
    let rest = cells;
    for (let ring = 0; ring < style.rim + style.outline; ring++) {
      const colour = ring < style.rim ? WHITE : rgba(mask.colour, 1);
      const inner = eroded(rest);
      paint(pixels, mask.suggested ? dashes(rest, top, DASH) : without(rest, inner), colour);
      rest = inner;
    }
  }
  return pixels;
}

function without({ words, rowWords }: Cells, inner: Cells): Cells {
  return { words: words.map((word, i) => word & ~inner.words[i]), rowWords };
}

/** Give a colour to cells. */
function paint(pixels: Uint32Array, { words, rowWords }: Cells, colour: number): void {
  for (let y = 0; y < TILE; y++) {
    const at = (y + MARGIN_ROWS) * rowWords + 1;
    for (let i = 0; i < TILE_WORDS; i++) {
      let word = words[at + i];
      if (!word) continue;
      const start = y * TILE + 32 * i;
      if (word === -1) pixels.fill(colour, start, start + 32);
      else {
        for (; word; word &= word - 1) pixels[start + 31 - Math.clz32(word & -word)] = colour;
      }
    }
  }
}

/** As a number that lies in memory as red, green, blue, alpha. */
export function rgba(colour: string, opacity: number): number {
  const rgb = parseInt(colour.slice(1), 16);
  const [red, green, blue] = [(rgb >> 16) & 255, (rgb >> 8) & 255, rgb & 255];
  return ((Math.round(opacity * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
