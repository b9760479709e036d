// One version of a mask over the picture, in a frame that shows the other version too.

import type { Client } from "../api";
import type { BoxXyxy, Version } from "../api/types";
import type { ImageConflict } from "../document";
import { decodeRle, type ImageSize, type Region } from "../../regions";

/** Width and height of a canvas: twice as many as it has on the screen, about. */
export const VERSION_PX = [720, 480] as const;
const LONGEST_PX = 4096; // of a picture
const AROUND = 0.25; // of what is shown, on each side
const LEAST_AROUND = 12; // pixels of the image
const FILL = [31, 95, 208, 115] as const;
const OUTLINE = "#ffd60a";
const OUTLINE_PX = 4;

export interface ShownVersion {
  readonly version: Version | null;
  readonly other: Version | null;
}

export function pictureUrl(client: Pick<Client, "pixelsUrl">, { imageId }: ImageConflict): string {
  return client.pixelsUrl(imageId, { longest: LONGEST_PX });
}

/** picture: null until it is there. */
export function drawVersion(
  canvas: HTMLCanvasElement,
  { version, other }: ShownVersion,
  picture: HTMLImageElement | null,
): void {
  const context = canvas.getContext("2d")!;
  const regions = [version, other].flatMap((one) => (one ? [decodeRle(one.segmentation)] : []));
  if (!regions.length) return;
  const { width, height } = regions[0];
  const [left, top, right, bottom] = frameOf(regions, { width, height });
  const scale = canvas.width / (right - left);
  context.reset();
  if (picture) {
    const reduced = picture.naturalWidth / width;
    const [w, h] = [(right - left) * reduced, (bottom - top) * reduced];
    context.drawImage(picture, left * reduced, top * reduced, w, h, 0, 0, ...VERSION_PX);
  }
  if (!version) return;
  context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  const shape = silhouette(regions[0]);
  context.imageSmoothingEnabled = false;
  context.drawImage(shape, regions[0].box[0], regions[0].box[1]);
  context.strokeStyle = OUTLINE;
  context.lineWidth = OUTLINE_PX / scale;
  context.stroke(edgesOf(regions[0]));
}

/** What is shown: all of the regions and some of what is around them, as wide as the canvas is. */
export function frameOf(regions: readonly Region[], { width, height }: ImageSize): BoxXyxy {
  const boxes = regions.map(({ box }) => box);
  const left = Math.min(...boxes.map((box) => box[0]));
  const top = Math.min(...boxes.map((box) => box[1]));
  const right = Math.max(...boxes.map((box) => box[2]));
  const bottom = Math.max(...boxes.map((box) => box[3]));
  const around = Math.max(AROUND * Math.max(right - left, bottom - top), LEAST_AROUND);
  const ratio = VERSION_PX[0] / VERSION_PX[1];
  const wanted = Math.max(right - left + 2 * around, (bottom - top + 2 * around) * ratio);
  // No larger than the image needs, and moved into it as far as that goes.
  const w = Math.min(wanted, Math.max(width, height * ratio));
  const h = w / ratio;
  const x = within((left + right - w) / 2, width - w);
  const y = within((top + bottom - h) / 2, height - h);
  return [x, y, x + w, y + h];
}

/** Between 0 and the most that leaves nothing empty; in the middle where the image is smaller. */
function within(at: number, most: number): number {
  return most < 0 ? most / 2 : Math.min(Math.max(at, 0), most);
}

function silhouette(region: Region): OffscreenCanvas {
  const [left, top, right, bottom] = region.box;
  const canvas = new OffscreenCanvas(Math.max(right - left, 1), Math.max(bottom - top, 1));
  const pixels = new ImageData(canvas.width, canvas.height);
  for (let y = top, i = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, i += 4) if (region.has(x, y)) pixels.data.set(FILL, i);
  }
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}

/** The edges of its pixels, at which it ends. */
function edgesOf(region: Region): Path2D {
  const path = new Path2D();
  const [left, top, right, bottom] = region.box;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if (!region.has(x, y)) continue;
      if (!region.has(x, y - 1)) line(path, x, y, x + 1, y);
      if (!region.has(x, y + 1)) line(path, x, y + 1, x + 1, y + 1);
      if (!region.has(x - 1, y)) line(path, x, y, x, y + 1);
      if (!region.has(x + 1, y)) line(path, x + 1, y, x + 1, y + 1);
    }
  }
  return path;
}

function line(path: Path2D, x0: number, y0: number, x1: number, y1: number): void {
  path.moveTo(x0, y0);
  path.lineTo(x1, y1);
}
