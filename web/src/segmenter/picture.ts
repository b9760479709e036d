// Whatever the browser can show to the encoder's input.

import { ImageError } from "./errors";
import { type Raster, resample } from "./resample";
import type { ResizeMap } from "./resize-map";

/** What `createImageBitmap` takes and a worker can be sent. */
export type Picture = Blob | ImageData | ImageBitmap;

/**
 * The pixels of a picture, upright and opaque, as anymask/core/image.py reads them: turned the way
 * its EXIF orientation says, transparency laid over white. Throws ImageError.
 */
export async function readPixels(picture: Picture): Promise<Raster> {
  let bitmap: ImageBitmap;
  try {
    // Python ignores colour profiles, so the bytes must not be converted to the screen's.
    bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none" });
  } catch (error) {
    const { message } = error as Error;
    throw new ImageError(`the image is of no format that this browser reads (${message})`);
  }
  const { width, height } = bitmap;
  try {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("no canvas of this size");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return { data: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
  } catch (error) {
    const { message } = error as Error;
    throw new ImageError(`the image of ${width}×${height} is too large to read (${message})`);
  } finally {
    bitmap.close();
  }
}

/**
 * The encoder's input, 3 × S × S: the image at its size in the square, less the mean and by the
 * deviation of each channel (0-255), zeros right of it and below.
 */
export function encoderInput(
  picture: Raster,
  map: ResizeMap,
  mean: readonly number[],
  deviation: readonly number[],
): Float32Array<ArrayBuffer> {
  const [height, width] = map.contentHw;
  const side = map.inputPx;
  const { data } = resample(picture, width, height);
  const input = new Float32Array(3 * side * side);
  for (let channel = 0; channel < 3; channel++) {
    const plane = input.subarray(channel * side * side, (channel + 1) * side * side);
    const normal = Float32Array.from(
      { length: 256 },
      (_, v) => (v - mean[channel]) / deviation[channel],
    );
    for (let y = 0, i = channel; y < height; y++) {
      for (let x = 0; x < width; x++, i += 3) plane[y * side + x] = normal[data[i]];
    }
  }
  return input;
}
