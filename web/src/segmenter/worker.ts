// The worker: it holds the model and the embeddings, and does all that takes time.

import { type Door, serve } from "./channel";
import { type Decoded, type Decoder, openDecoder, tryOut, type Unmasked } from "./decoder";
import { type EmbeddingFacts, type NamedArray, parseEmbedding } from "./embedding";
import { Encoder } from "./encoder";
import { EmbeddingError, SegmenterError } from "./errors";
import { Upsampler } from "./mask";
import { type ModelFacts, ModelFolder, type Progress } from "./model-folder";
import { readPixels } from "./picture";
import type { PackedPrompt } from "./prompts";
import type { Handlers, KeptEmbedding, Mask, Reply } from "./protocol";
import { rank } from "./ranking";
import { ResizeMap } from "./resize-map";
import { Runtime } from "./runtime";

const IMAGE_EMBED = "image_embed"; // the array of an embedding that SAM has
const MOST_PREPARED = 2; // images, 32 MB each: that which is asked about, and the next of a list
const WARM_UP_RUNS = 10; // until a run takes no less time than the one before, on two cores

interface Kept {
  readonly numbers: Float32Array;
  readonly upsampler: Upsampler;
}

interface Model {
  readonly facts: ModelFacts;
  readonly decoder: Decoder;
  readonly encoder: Encoder;
}

let loaded: Model | null = null;
const embeddings = new Map<number, Kept>();
const shared = new Map<Kept, Unmasked>(); // the latest asked about last
let lastId = 0;
let busy = false; // somebody waits

const door = self as unknown as Door;

const handlers: Handlers = {
  async load({ url, backends, threads }) {
    const folder = await ModelFolder.open(new URL(url));
    const runtime = new Runtime(backends, threads);
    const read = (file: string) => folder.read(file, report);
    const decoder = await openDecoder(runtime, folder, read);
    const encoder = new Encoder(runtime, folder, report);
    loaded = { facts: folder.facts, decoder, encoder };
    // A card's code is made once; two runs at a time would disturb each other on it.
    if (decoder.backend === "wasm") {
      void tryOut(decoder, folder.facts, WARM_UP_RUNS, () => busy);
    }
    return [{ facts: folder.facts, backend: decoder.backend, threads, notes: runtime.notes }];
  },

  async receive({ bytes }) {
    const { facts } = model();
    const { arrays, ...about } = parseEmbedding(bytes);
    if (about.model !== facts.model) {
      throw new EmbeddingError(
        `the embedding was made by ${about.model} and can't be read by ${facts.model}`,
      );
    }
    const array = arrays.get(IMAGE_EMBED);
    if (!array || !fits(array, facts) || about.inputPx !== facts.inputPx) {
      throw new EmbeddingError(`the embedding holds no ${IMAGE_EMBED} of the model's size`);
    }
    return [await keep(array.numbers, about)];
  },

  async encode({ picture }) {
    busy = true;
    const { encoder, facts } = model();
    const pixels = await readPixels(picture);
    const imageHw = [pixels.height, pixels.width] as const;
    const numbers = await encoder.run(pixels);
    return [await keep(numbers, { imageHw, inputPx: facts.inputPx, model: facts.model })];
  },

  async predict({ embedding, prompt, multimaskOutput }) {
    const kept = embeddings.get(embedding);
    if (!kept) throw new EmbeddingError("the embedding was closed");
    busy = true;
    const start = performance.now();
    const decoded = await decode(kept, prompt);
    const middle = performance.now();
    const tokens = rank(decoded.predictedIou, prompt.ambiguous, multimaskOutput);
    const masks = tokens.map((token) => maskOf(decoded, token, kept.upsampler));
    const end = performance.now();
    return [
      { masks, decodeMs: middle - start, upsampleMs: end - middle },
      masks.flatMap((mask) => [mask.pixels.buffer, mask.logits.buffer]),
    ];
  },

  async release({ embedding }) {
    const kept = embeddings.get(embedding);
    if (kept) forget(kept);
    embeddings.delete(embedding);
    return [null];
  },
};

serve(door, handlers);

function model(): Model {
  if (!loaded) throw new SegmenterError("no model is loaded");
  return loaded;
}

/** A prompt with a mask shares its image with no other; all others about it do. */
async function decode(kept: Kept, prompt: PackedPrompt): Promise<Decoded> {
  const plain = await prepared(kept);
  if (!prompt.mask) return plain.run(prompt);
  const own = await plain.masked(prompt.mask);
  const decoded = await own.run(prompt);
  own.dispose();
  return decoded;
}

/** An image, prepared, and no longer the one that was asked about longest ago. */
async function prepared(kept: Kept): Promise<Unmasked> {
  const ready = shared.get(kept) ?? (await model().decoder.prepare(kept.numbers));
  shared.delete(kept);
  shared.set(kept, ready);
  for (const other of shared.keys()) {
    if (shared.size <= MOST_PREPARED) break;
    forget(other);
  }
  return ready;
}

function forget(kept: Kept): void {
  shared.get(kept)?.dispose();
  shared.delete(kept);
}

function report(progress: Progress): void {
  door.postMessage({ progress } satisfies Reply, []);
}

function fits({ shape }: NamedArray, { embeddingShape }: ModelFacts): boolean {
  return shape.length === embeddingShape.length && shape.every((n, i) => n === embeddingShape[i]);
}

async function keep(
  numbers: Float32Array<ArrayBuffer>,
  about: EmbeddingFacts,
): Promise<KeptEmbedding> {
  const { facts } = model();
  const map = new ResizeMap(about.imageHw, facts.inputPx, facts.resize);
  const id = ++lastId;
  const kept = { numbers, upsampler: new Upsampler(facts.maskSide, map) };
  await prepared(kept); // the first click will not have to
  embeddings.set(id, kept);
  return { ...about, id };
}

function maskOf({ predictedIou, logits }: Decoded, token: number, upsampler: Upsampler): Mask {
  const size = logits.length / predictedIou.length;
  const own = logits.slice(token * size, (token + 1) * size) as Float32Array<ArrayBuffer>;
  return { predictedIou: predictedIou[token], logits: own, ...upsampler.threshold(own) };
}
