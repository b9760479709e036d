// Specks and pinholes of a mask, which are noise of its logits: what `clean` of
// anymask/core/regions/small_regions.py drops and fills, by the same rule.

import type { BoxXyxy, Mask } from "../segmenter";

const SHARE = 0.01; // of the mask's area: smaller regions belong to its border
const CELLS = 25; // of the model's grid of 256×256 over the image
const GRID_SIDE = 256;

/** Rows of pixels, 1 where the object is; around a mask one pixel wider on each side. */
interface Grid {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

const kept = new WeakMap<Mask, Mask>();

/** The mask without its specks and pinholes, made once. Something always remains. */
export function cleaned(mask: Mask): Mask {
  if (!mask.area) return mask;
  if (!kept.has(mask)) kept.set(mask, clean(mask));
  return kept.get(mask)!;
}

function clean(mask: Mask): Mask {
  const cellPx = Math.max(mask.width, mask.height) / GRID_SIDE;
  const area = Math.min(SHARE * mask.area, CELLS * cellPx ** 2);
  const grid = inner(mask);
  const before = grid.pixels.slice();
  // A pinhole that touches another, or the outside, by a corner alone is one of its own.
  for (const hole of regions(grid, 0, false)) if (hole.length < area) put(grid, hole, 1);
  for (const island of regions(grid, 1, true)) if (island.length < area) put(grid, island, 0);
  if (!grid.pixels.includes(1)) {
    const islands = regions({ ...grid, pixels: before }, 1, true);
    const largest = islands.reduce((a, b) => (b.length > a.length ? b : a));
    put(grid, largest, 1);
  }
  return outer(mask, grid);
}

/** The part of a mask within its box, and the background around it. */
function inner({ pixels, width, box: [left, top, right, bottom] }: Mask): Grid {
  const [wide, high] = [right - left + 2, bottom - top + 2];
  const content = new Uint8Array(wide * high);
  for (let y = top; y < bottom; y++) {
    const row = pixels.subarray(y * width + left, y * width + right);
    content.set(row, (y - top + 1) * wide + 1);
  }
  return { pixels: content, width: wide, height: high };
}

function outer(mask: Mask, grid: Grid): Mask {
  const { width, height } = mask;
  const [left, top, right, bottom] = mask.box;
  const pixels = new Uint8Array(width * height);
  let area = 0;
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = top; y < bottom; y++) {
    const row = (y - top + 1) * grid.width + 1 - left;
    for (let x = left; x < right; x++) {
      if (!grid.pixels[row + x]) continue;
      pixels[y * width + x] = 1;
      area++;
      if (x < x0) x0 = x;
      if (x >= x1) x1 = x + 1;
      if (y < y0) y0 = y;
      y1 = y + 1;
    }
  }
  const box: BoxXyxy = [x0, y0, x1, y1];
  return { ...mask, pixels, area, box };
}

function put({ pixels }: Grid, places: Int32Array, value: number): void {
  for (const place of places) pixels[place] = value;
}

/** The places of the pixels of each connected region. corners: whether these join, too. */
function regions({ pixels, width, height }: Grid, value: number, corners: boolean): Int32Array[] {
  const seen = new Uint8Array(pixels.length);
  const places = new Int32Array(pixels.length); // of all regions, one after the other
  const found: Int32Array[] = [];
  for (let start = 0, end = 0; start < pixels.length; start++) {
    if (seen[start] || pixels[start] !== value) continue;
    const first = end;
    places[end++] = start;
    seen[start] = 1;
    for (let i = first; i < end; i++) {
      const x = places[i] % width;
      const y = (places[i] - x) / width;
      for (let dy = y ? -1 : 0; dy <= 1 && y + dy < height; dy++) {
        for (let dx = x ? -1 : 0; dx <= 1 && x + dx < width; dx++) {
          if (!corners && dx && dy) continue;
          const near = places[i] + dy * width + dx;
          if (seen[near] || pixels[near] !== value) continue;
          seen[near] = 1;
          places[end++] = near;
        }
      }
    }
    found.push(places.subarray(first, end));
  }
  return found;
}
