// From a file that somebody brought to pixels, here or by the server.

import { HEAD_BYTES, isPlain } from "./plain";

/** A picture that the browser shows and the segmenter takes. */
export interface Reading {
  readonly name: string;
  readonly content: Blob;
  readonly bitmap: ImageBitmap;
}

/** What the server is told of how to read a file; empty where nothing is chosen. */
export interface ReadOptions {
  readonly page: string;
  readonly bands: string;
  readonly window: string;
}

/** A picture that can't be read, with a line that says why. */
export class ReadingError extends Error {
  override name = "ReadingError";
}

/** Read a picture. onOptions: told if `options` change how it is read. Throws ReadingError. */
export async function readPicture(
  file: File,
  options: ReadOptions,
  signal: AbortSignal,
  onOptions: () => void,
): Promise<Reading> {
  const { name } = file;
  if (!file.size) throw new ReadingError(`${name} is empty`);
  if (isPlain(await head(file)) && !options.bands && !options.window) {
    const bitmap = await decoded(file).catch(() => null); // the server says better what is wrong
    if (bitmap) return { name, content: file, bitmap };
  }
  const content = await converted(file, options, signal, onOptions);
  onOptions();
  return { name, content, bitmap: await decoded(content) };
}

/** Its bytes' colours, as anymask reads them, not the screen's. */
function decoded(content: Blob): Promise<ImageBitmap> {
  return createImageBitmap(content, { colorSpaceConversion: "none" });
}

async function head(file: File): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  } catch {
    throw new ReadingError(`${file.name} can't be opened: is it a folder, or gone?`);
  }
}

async function converted(
  file: File,
  options: ReadOptions,
  signal: AbortSignal,
  onOptions: () => void,
): Promise<Blob> {
  const query = new URLSearchParams({ name: file.name, ...options });
  const request = { method: "POST", body: file, signal };
  let response: Response;
  try {
    response = await fetch(`./picture?${query}`, request);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ReadingError(`${file.name} can't be read: does \`anymask web\` still run?`);
  }
  if (response.ok) return response.blob();
  const answer = (await response.json().catch(() => ({}))) as {
    error?: string;
    is_image?: boolean;
  };
  if (answer.is_image) onOptions();
  throw new ReadingError(
    answer.error ??
      `${file.name} is no plain JPEG, PNG or WebP; for others the page must come from \`anymask web\``,
  );
}
