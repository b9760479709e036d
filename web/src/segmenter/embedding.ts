// The bytes of an image embedding (docs/formats.md), as anymask/core/embedding.py writes them.

import { crc32 } from "./crc32";
import { EmbeddingError } from "./errors";
import { fromHalf } from "./half";
import type { SizeHw } from "./resize-map";

const MAGIC = "ANYMASK\x01";
const HEADER_BYTES = 16; // magic, length of the JSON that follows, checksum of the rest
const LARGEST_SIDE = 2 ** 31;

/** What is known of an embedding without its numbers. */
export interface EmbeddingFacts {
  /** Size of the original image, which prompts and masks refer to. */
  readonly imageHw: SizeHw;
  /** Side of the model's square input. */
  readonly inputPx: number;
  /** Name and hash of the weights that made it; no other weights can read it. */
  readonly model: string;
}

export interface NamedArray {
  readonly shape: readonly number[];
  readonly numbers: Float32Array<ArrayBuffer>;
}

export interface EmbeddingContent extends EmbeddingFacts {
  readonly arrays: ReadonlyMap<string, NamedArray>;
}

/** Unpack Python's `ImageEmbedding.to_bytes`. Throws EmbeddingError for damaged or foreign bytes. */
export function parseEmbedding(buffer: ArrayBuffer): EmbeddingContent {
  const magic = new TextDecoder("latin1").decode(buffer.slice(0, MAGIC.length));
  if (buffer.byteLength < HEADER_BYTES || magic !== MAGIC) {
    throw new EmbeddingError("these bytes are no image embedding of anymask");
  }
  const view = new DataView(buffer);
  const length = view.getUint32(8, true);
  if (crc32(new Uint8Array(buffer, HEADER_BYTES)) !== view.getUint32(12, true)) {
    throw new EmbeddingError("the image embedding is damaged: its checksum does not match");
  }
  try {
    return content(buffer, length);
  } catch (error) {
    throw new EmbeddingError(`the image embedding is damaged: ${(error as Error).message}`);
  }
}

function content(buffer: ArrayBuffer, length: number): EmbeddingContent {
  const text = new Uint8Array(buffer, HEADER_BYTES, length);
  const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  const [height, width] = sizes(header.image_hw);
  if (header.image_hw.length !== 2) throw new TypeError("its image has no height and width");
  if (typeof header.model !== "string") throw new TypeError(`its model is ${header.model}`);
  return {
    imageHw: [height, width],
    inputPx: sizes([header.input_px])[0],
    model: header.model,
    arrays: cut(header.arrays, buffer, HEADER_BYTES + length),
  };
}

/** Cut the numbers behind the header into the arrays that it lists, none left over. */
function cut(entries: unknown, buffer: ArrayBuffer, offset: number): Map<string, NamedArray> {
  if (!Array.isArray(entries)) throw new TypeError("its header lists no arrays");
  const arrays = new Map<string, NamedArray>();
  for (const { name, shape } of entries) {
    const count = sizes(shape).reduce((a, b) => a * b, 1);
    const numbers = fromHalf(new Uint16Array(buffer, offset, count));
    arrays.set(String(name), { shape, numbers });
    offset += 2 * count;
  }
  const left = buffer.byteLength - offset;
  if (left) throw new RangeError(`${left} bytes are left over`);
  return arrays;
}

function sizes(values: unknown): number[] {
  if (!Array.isArray(values)) throw new TypeError(`${values} are no sizes`);
  for (const value of values) {
    if (!Number.isInteger(value) || value < 1 || value >= LARGEST_SIDE) {
      throw new RangeError(`${value} is no size`);
    }
  }
  return values;
}
