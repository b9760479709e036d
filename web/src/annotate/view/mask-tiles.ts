// Many masks as few pictures: tiles at the resolution of the screen, painted where they are seen and
// again where a mask changes. What a frame costs follows the screen and not the number of masks.

import type { BoxXyxy } from "../../segmenter";
import { difference, type ImageSize, sharedBox } from "../../regions";
import type { Camera } from "./camera";
import { type DrawnMask, drawnAlike } from "./drawn-mask";
import { overlap } from "./palette";
import { type MaskStyle, paintTile, TILE } from "./tile-painting";

const MOST_TILES = 160; // 256 kB each
const FINEST = -5; // 32 cells a side for a pixel: beyond, cells are drawn larger
const OVERVIEW_PX = 1024; // the longest side of what is kept of the whole image
const PAINT_MS = 4; // of a frame, for tiles that are not there yet

interface Tile {
  readonly level: number;
  readonly column: number;
  readonly row: number;
  /** Null where no mask is. */
  picture: OffscreenCanvas | null;
  stale: boolean;
}

export class MaskTiles {
  private masks: readonly DrawnMask[] = [];
  private style: MaskStyle = { opacity: 0.4, outline: 2, rim: 0 };
  /** The least lately used first. */
  private readonly tiles = new Map<string, Tile>();
  private readonly overview: number; // its level

  constructor(private readonly image: ImageSize) {
    const longest = Math.max(image.width, image.height);
    this.overview = Math.max(Math.ceil(Math.log2(longest / OVERVIEW_PX)), 0);
  }

  /** From the lowest to the one on top. Only what differs from those before is painted again. */
  setMasks(masks: readonly DrawnMask[]): void {
    const before = new Map(this.masks.map((mask) => [mask.id, mask]));
    const kept = masks.filter(({ id }) => before.has(id));
    const after = new Set(masks.map(({ id }) => id));
    const stayed = this.masks.filter(({ id }) => after.has(id));
    const moved = kept.some(({ id }, i) => id !== stayed[i].id);
    this.masks = masks;
    if (moved) return this.repaint();
    for (const mask of masks) this.repaintChange(before.get(mask.id), mask);
    for (const mask of before.values()) if (!after.has(mask.id)) this.repaintBox(mask.region.box);
  }

  setStyle(style: MaskStyle): void {
    const same = (Object.keys(style) as (keyof MaskStyle)[]).every(
      (key) => style[key] === this.style[key],
    );
    if (same) return;
    this.style = style;
    this.repaint();
  }

  get isEmpty(): boolean {
    return this.masks.length === 0;
  }

  /**
   * Draw what is seen. ratio: of the canvas's pixels for one of the screen's. False if more is to be
   * painted in the next frame, tiles of other resolutions being shown until then.
   */
  draw(context: CanvasRenderingContext2D, camera: Camera, ratio: number): boolean {
    if (this.isEmpty) return true;
    const scale = camera.scale * ratio;
    const level = Math.max(Math.min(Math.round(-Math.log2(scale)), this.overview), FINEST);
    const until = performance.now() + PAINT_MS;
    for (const tile of this.seenTiles(camera.seen, this.overview)) this.ensure(tile);
    let whole = true;
    context.imageSmoothingEnabled = scale * 2 ** level < 2; // cells so large are shown as they are
    for (const tile of this.seenTiles(camera.seen, level)) {
      if (performance.now() < until) this.ensure(tile);
      else if (tile.stale) whole = false;
      if (tile.stale && tile.picture === null) this.drawCoarser(context, tile, camera, ratio);
      else if (tile.picture) drawPart(context, tile, tile, camera, ratio);
    }
    this.forgetOldest();
    return whole;
  }

  private ensure(tile: Tile): void {
    if (!tile.stale) return;
    const box = boxOf(tile);
    const masks = this.masks.filter(({ region, hidden }) => !hidden && overlap(region.box, box));
    const pixels = paintTile(masks, this.style, tile.level, tile.column, tile.row);
    tile.stale = false;
    if (!pixels) {
      tile.picture = null;
      return;
    }
    tile.picture ??= new OffscreenCanvas(TILE, TILE);
    const content = new ImageData(new Uint8ClampedArray(pixels.buffer), TILE, TILE);
    tile.picture.getContext("2d")!.putImageData(content, 0, 0);
  }

  /** Of the same part what is there at a lower resolution, the overview at least. */
  private drawCoarser(
    context: CanvasRenderingContext2D,
    tile: Tile,
    camera: Camera,
    ratio: number,
  ): void {
    for (let level = tile.level + 1; level <= this.overview; level++) {
      const times = level - tile.level;
      const coarser = this.tiles.get(keyOf(level, tile.column >> times, tile.row >> times));
      if (!coarser || (coarser.stale && !coarser.picture)) continue;
      if (coarser.picture) drawPart(context, coarser, tile, camera, ratio);
      return;
    }
  }

  private seenTiles(seen: BoxXyxy, level: number): Tile[] {
    const [left, top, right, bottom] = sharedBox(seen, [0, 0, this.image.width, this.image.height]);
    const side = TILE * 2 ** level;
    const tiles: Tile[] = [];
    for (let row = Math.floor(top / side); row * side < bottom; row++) {
      for (let column = Math.floor(left / side); column * side < right; column++) {
        tiles.push(this.tileAt(level, column, row));
      }
    }
    return tiles;
  }

  private tileAt(level: number, column: number, row: number): Tile {
    const key = keyOf(level, column, row);
    const tile = this.tiles.get(key) ?? { level, column, row, picture: null, stale: true };
    this.tiles.delete(key);
    this.tiles.set(key, tile);
    return tile;
  }

  private forgetOldest(): void {
    for (const [key, { level }] of this.tiles) {
      if (this.tiles.size <= MOST_TILES) return;
      if (level !== this.overview) this.tiles.delete(key);
    }
  }

  private repaint(): void {
    for (const tile of this.tiles.values()) tile.stale = true;
  }

  private repaintChange(before: DrawnMask | undefined, mask: DrawnMask): void {
    if (!before) this.repaintBox(mask.region.box);
    else if (drawnAlike(before, mask)) return;
    else if (drawnAlike({ ...before, region: mask.region }, mask)) {
      this.repaintBox(difference(before.region, mask.region).box);
    } else for (const { region } of [before, mask]) this.repaintBox(region.box);
  }

  private repaintBox(box: BoxXyxy): void {
    for (const tile of this.tiles.values()) {
      // A border next to the tile may be wider or narrower for it.
      const more = 2 ** tile.level * (this.style.outline + this.style.rim);
      const around = [box[0] - more, box[1] - more, box[2] + more, box[3] + more] as const;
      if (overlap(around, boxOf(tile))) tile.stale = true;
    }
  }
}

function keyOf(level: number, column: number, row: number): string {
  return `${level}/${column}/${row}`;
}

/** The part of the image that a tile shows. */
function boxOf({ level, column, row }: Pick<Tile, "level" | "column" | "row">): BoxXyxy {
  const side = TILE * 2 ** level;
  return [column * side, row * side, (column + 1) * side, (row + 1) * side];
}

/** Draw of one tile the part that another shows, on whole pixels of the canvas: no seams. */
function drawPart(
  context: CanvasRenderingContext2D,
  from: Tile,
  part: Tile,
  camera: Camera,
  ratio: number,
): void {
  const [left, top, right, bottom] = boxOf(part);
  const [x0, y0] = camera.toScreen([left, top]).map((at) => Math.round(at * ratio));
  const [x1, y1] = camera.toScreen([right, bottom]).map((at) => Math.round(at * ratio));
  const cell = 2 ** from.level;
  const [originX, originY] = boxOf(from);
  const [sx, sy, side] = [(left - originX) / cell, (top - originY) / cell, (right - left) / cell];
  context.drawImage(from.picture!, sx, sy, side, side, x0, y0, x1 - x0, y1 - y0);
}
