// Where the pixels of an image come from.

import type { ImageSize } from "../../regions";

/** An image in several sizes, each cut into tiles. */
export interface PictureSource extends ImageSize {
  /** The largest, of the image's own size, first. The last is loaded at once, and kept. */
  readonly levels: readonly ImageSize[];
  /** The side of a tile, in pixels of its level; those at the right and lower edge are smaller. */
  readonly tilePx: number;
  /** The layer closes it. */
  tile(level: number, column: number, row: number, signal: AbortSignal): Promise<ImageBitmap>;
}

/** An image that is there as a whole. The bitmap is copied for each use, and stays the caller's. */
export function wholePicture(bitmap: ImageBitmap): PictureSource {
  const { width, height } = bitmap;
  return {
    width,
    height,
    levels: [{ width, height }],
    tilePx: Math.max(width, height),
    tile: () => createImageBitmap(bitmap),
  };
}
