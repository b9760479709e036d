// The image: tiles of the size that the screen needs, loaded as they come into view.

import type { Camera } from "./camera";
import type { PictureSource } from "./picture-source";

const AT_ONCE = 4; // tiles under way
const MOST_PIXELS = 64e6; // kept: 256 MB
const SHARP = 2; // from so many of the screen's pixels for one of the image's on, they are squares
const ENOUGH = 0.8; // of the screen's resolution: a level that is a little too small will do
const AGAIN_MS = 2000; // after a tile did not come

interface Tile {
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

export class PictureTiles {
  /** The least lately drawn first. */
  private readonly kept = new Map<string, ImageBitmap>();
  private readonly underWay = new Map<string, AbortController>();
  private readonly failed = new Map<string, number>(); // when
  private closed = false;

  /** onTile: something new can be drawn. */
  constructor(
    private readonly source: PictureSource,
    private readonly onTile: () => void,
  ) {}

  get isLoading(): boolean {
    return this.underWay.size > 0;
  }

  draw(context: CanvasRenderingContext2D, camera: Camera, ratio: number): void {
    const scale = camera.scale * ratio;
    context.imageSmoothingEnabled = scale < SHARP;
    const last = this.source.levels.length - 1;
    const wanted = this.levelFor(scale);
    const missing: Tile[] = [];
    for (let level = last; level >= wanted; level--) {
      if (level !== last && level !== wanted) continue;
      missing.push(...this.seenTiles(camera, level).filter((tile) => !this.kept.has(keyOf(tile))));
    }
    const whole = missing.every(({ level }) => level !== wanted);
    // Coarser ones are under it where it is not whole.
    for (let level = whole ? wanted : last; level >= wanted; level--) {
      for (const tile of this.seenTiles(camera, level)) this.drawTile(context, tile, camera, ratio);
    }
    this.load(missing);
    this.forgetOldest();
  }

  close(): void {
    this.closed = true;
    for (const request of this.underWay.values()) request.abort();
    for (const bitmap of this.kept.values()) bitmap.close();
    this.kept.clear();
  }

  /** The smallest level that has a pixel for each of the screen's. */
  private levelFor(scale: number): number {
    const { levels, width } = this.source;
    const enough = (level: number) => levels[level].width >= ENOUGH * scale * width;
    for (let level = levels.length - 1; level > 0; level--) if (enough(level)) return level;
    return 0;
  }

  private seenTiles(camera: Camera, level: number): Tile[] {
    const { tilePx } = this.source;
    const [sideX, sideY] = this.tileSize(level);
    const { width, height } = this.source.levels[level];
    const [left, top, right, bottom] = camera.seen;
    const range = (from: number, to: number, side: number, length: number) => {
      const first = Math.max(Math.floor(from / side), 0);
      const end = Math.min(Math.ceil(to / side), Math.ceil(length / tilePx));
      return Array.from({ length: Math.max(end - first, 0) }, (_, i) => first + i);
    };
    return range(top, bottom, sideY, height).flatMap((row) =>
      range(left, right, sideX, width).map((column) => ({ level, column, row })),
    );
  }

  /** In pixels of the image. */
  private tileSize(level: number): [x: number, y: number] {
    const { levels, tilePx, width, height } = this.source;
    return [(tilePx * width) / levels[level].width, (tilePx * height) / levels[level].height];
  }

  private drawTile(context: CanvasRenderingContext2D, tile: Tile, camera: Camera, ratio: number) {
    const key = keyOf(tile);
    const bitmap = this.kept.get(key);
    if (!bitmap) return;
    this.kept.delete(key);
    this.kept.set(key, bitmap);
    const [sideX, sideY] = this.tileSize(tile.level);
    const { tilePx } = this.source;
    const [left, top] = [tile.column * sideX, tile.row * sideY];
    const [right, bottom] = [
      left + (bitmap.width / tilePx) * sideX,
      top + (bitmap.height / tilePx) * sideY,
    ];
    const [x0, y0] = camera.toScreen([left, top]).map((at) => Math.round(at * ratio));
    const [x1, y1] = camera.toScreen([right, bottom]).map((at) => Math.round(at * ratio));
    context.drawImage(bitmap, x0, y0, x1 - x0, y1 - y0);
  }

  /** Those that are no longer wanted give way. */
  private load(missing: readonly Tile[]): void {
    const keys = new Set(missing.map(keyOf));
    for (const [key, request] of this.underWay) if (!keys.has(key)) request.abort();
    const now = performance.now();
    for (const tile of missing) {
      if (this.underWay.size >= AT_ONCE) return;
      const key = keyOf(tile);
      const failed = this.failed.get(key) ?? -Infinity;
      if (!this.underWay.has(key) && now - failed >= AGAIN_MS) void this.fetch(tile, key);
    }
  }

  private async fetch(tile: Tile, key: string): Promise<void> {
    const request = new AbortController();
    this.underWay.set(key, request);
    try {
      const bitmap = await this.source.tile(tile.level, tile.column, tile.row, request.signal);
      if (this.closed) bitmap.close();
      else this.kept.set(key, bitmap);
      this.failed.delete(key);
    } catch {
      // What did not come is asked for again later; what does come is drawn until then.
      if (!request.signal.aborted) this.failLater(key);
    } finally {
      this.underWay.delete(key);
      if (!this.closed) this.onTile();
    }
  }

  private failLater(key: string): void {
    this.failed.set(key, performance.now());
    setTimeout(() => !this.closed && this.onTile(), AGAIN_MS);
  }

  private forgetOldest(): void {
    const last = this.source.levels.length - 1;
    let pixels = 0;
    for (const { width, height } of this.kept.values()) pixels += width * height;
    for (const [key, bitmap] of this.kept) {
      if (pixels <= MOST_PIXELS) return;
      if (key.startsWith(`${last}/`)) continue;
      pixels -= bitmap.width * bitmap.height;
      this.kept.delete(key);
      bitmap.close();
    }
  }
}

function keyOf({ level, column, row }: Tile): string {
  return `${level}/${column}/${row}`;
}
