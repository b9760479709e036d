// The pixels of an image as the server gives them: whole, or in tiles of several sizes.

import type { Client } from "../api/client";
import type { ImageSize } from "../../regions";
import type { PictureSource } from "../view";

const WHOLE_UP_TO_PX = 4096; // the longer side; larger ones come in tiles
const TILE_PX = 512;

export function pictureOf(
  client: Pick<Client, "pixelsUrl" | "tileUrl">,
  imageId: number,
  size: ImageSize,
): PictureSource {
  const longest = Math.max(size.width, size.height);
  if (longest <= WHOLE_UP_TO_PX) {
    const url = client.pixelsUrl(imageId);
    // Asked for at once: the stage wants it as soon as the image is open.
    let ahead: Promise<ImageBitmap> | null = bitmapOf(url);
    ahead.catch(() => {}); // the stage asks again
    const tile = (_level: number, _column: number, _row: number, signal: AbortSignal) => {
      const bitmap = ahead?.catch(() => bitmapOf(url, signal)) ?? bitmapOf(url, signal);
      ahead = null;
      return bitmap;
    };
    return { ...size, levels: [size], tilePx: longest, tile };
  }
  const levels = [size];
  for (let scale = 2; longest / (scale / 2) > TILE_PX; scale *= 2) {
    levels.push({
      width: Math.ceil(size.width / scale),
      height: Math.ceil(size.height / scale),
    });
  }
  const tile = (level: number, column: number, row: number, signal: AbortSignal) =>
    bitmapOf(client.tileUrl(imageId, level, column, row), signal);
  return { ...size, levels, tilePx: TILE_PX, tile };
}

async function bitmapOf(url: string, signal?: AbortSignal): Promise<ImageBitmap> {
  const response = await fetch(url, signal ? { signal } : {});
  if (!response.ok) throw new Error(`the picture does not come: ${response.status}`);
  return createImageBitmap(await response.blob());
}
