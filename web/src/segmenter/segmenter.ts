// The segmenter: what a page holds. The work is done in a worker (worker.ts).

import { Channel } from "./channel";
import type { EmbeddingFacts } from "./embedding";
import { EmbeddingError, ImageError, SegmenterError } from "./errors";
import type { FullMask } from "./mask";
import type { ModelFacts, OnProgress } from "./model-folder";
import type { Picture } from "./picture";
import { packPrompt, type Prompt } from "./prompts";
import type { Answer, Backend, KeptEmbedding, Loaded } from "./protocol";
import { ResizeMap, type SizeHw } from "./resize-map";
import { maskLogits } from "./rough";

const MOST_THREADS = 4; // by default: each costs memory, and the decoder is small

export interface Abortable {
  /** Gives up the request; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface LoadOptions extends Abortable {
  /** Which to try, the best first. */
  readonly executionProviders?: readonly Backend[];
  /** Of the processor. More than one needs a cross-origin isolated page (see README.md). */
  readonly threads?: number;
  /** Told of each file as it arrives: the decoder at once, the encoder when it is first used. */
  readonly onProgress?: OnProgress;
}

export interface PredictOptions extends Abortable {
  /**
   * Three masks, best first by predicted IoU (true), one (false), or as trained (not given): three
   * for a single object point, which may mean several things, and for other prompts one.
   */
  readonly multimaskOutput?: boolean;
  /**
   * For masks that follow the pointer: of the requests of one name that wait, only the latest
   * stays, and the others reject with an AbortError. One that is under way is answered, so that
   * something is seen while the pointer moves.
   */
  readonly latestOf?: string;
}

/** The encoder's answer for one image. Its numbers are in the worker until it is closed. */
export class ImageEmbedding implements EmbeddingFacts {
  readonly imageHw: SizeHw;
  readonly inputPx: number;
  readonly model: string;

  /** @internal */
  constructor(
    readonly kept: KeptEmbedding,
    readonly owner: Segmenter,
  ) {
    ({ imageHw: this.imageHw, inputPx: this.inputPx, model: this.model } = kept);
  }

  get width(): number {
    return this.imageHw[1];
  }

  get height(): number {
    return this.imageHw[0];
  }

  /** Free its memory. An embedding that nothing refers to any more is closed in time, too. */
  close(): void {
    this.owner.release(this.kept.id);
  }
}

/** A SAM that answers prompts about images. */
export class Segmenter {
  /** Name and hash of the weights: only embeddings of the same can be read. */
  readonly model: string;
  readonly name: string;
  /** What runs the decoder. */
  readonly backend: Backend;
  /** Of the processor; 1 on a page that is not cross-origin isolated. */
  readonly threads: number;
  /** Why it is not the backend or the threads that were asked for. */
  readonly notes: readonly string[];
  private readonly facts: ModelFacts;
  private readonly abandoned = new FinalizationRegistry<number>((id) => this.release(id));

  private constructor(
    private readonly worker: Worker,
    private readonly channel: Channel,
    { facts, backend, threads, notes }: Loaded,
  ) {
    this.facts = facts;
    this.model = facts.model;
    this.name = facts.name;
    this.backend = backend;
    this.threads = threads;
    this.notes = notes;
  }

  /**
   * Load the decoder from a folder that `anymask export onnx` wrote.
   *
   * Throws ModelError for a folder that is missing, damaged, or that the browser can't run.
   */
  static async load(folder: string | URL, options: LoadOptions = {}): Promise<Segmenter> {
    const { executionProviders = ["webgpu", "wasm"], onProgress = () => {}, signal } = options;
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const channel = new Channel(worker, onProgress);
    worker.onerror = ({ message }) => {
      channel.close(new SegmenterError(`the worker stopped: ${message || "it can't be loaded"}`));
    };
    const wanted = options.threads ?? Math.min(navigator.hardwareConcurrency, MOST_THREADS);
    const threads = globalThis.crossOriginIsolated ? Math.max(wanted, 1) : 1;
    const request = { url: folderUrl(folder), backends: executionProviders, threads };
    try {
      const loaded = await channel.ask("load", request, { signal });
      const notes = [...loaded.notes];
      if (threads < wanted) {
        notes.push("one thread only: the page is not cross-origin isolated");
      }
      return new Segmenter(worker, channel, { ...loaded, notes });
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /**
   * Take the bytes of an embedding, as Python's `ImageEmbedding.to_bytes` makes them.
   *
   * Throws EmbeddingError for bytes that are damaged or of another model.
   */
  async receive(
    bytes: ArrayBuffer | Uint8Array,
    { signal }: Abortable = {},
  ): Promise<ImageEmbedding> {
    const view = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
    const own = new Uint8Array(view).buffer; // a copy: the caller's stay usable
    return this.keep(
      await this.channel.ask("receive", { bytes: own }, { ...this.kept(signal), moved: [own] }),
    );
  }

  /**
   * Embed an image in the browser: a file, pixels, or an element that shows one.
   *
   * The encoder is loaded at the first call. Throws ImageError and ModelError.
   */
  async encode(image: ImageBitmapSource, { signal }: Abortable = {}): Promise<ImageEmbedding> {
    const picture = await portable(image);
    return this.keep(await this.channel.ask("encode", { picture }, this.kept(signal)));
  }

  /**
   * Answer one prompt about an image.
   *
   * Throws PromptError for a prompt that says nothing or does not fit the image, EmbeddingError for
   * an embedding that is closed or of another segmenter.
   */
  async predict(
    embedding: ImageEmbedding,
    prompt: Prompt,
    { multimaskOutput, latestOf, signal }: PredictOptions = {},
  ): Promise<Answer> {
    if (embedding.owner !== this) {
      throw new EmbeddingError(
        `the embedding belongs to another segmenter, of ${embedding.model}; this is ${this.model}`,
      );
    }
    const packed = packPrompt(
      prompt,
      this.mapOf(embedding),
      this.facts.maskSide,
      this.facts.textWidth,
    );
    const request = { embedding: embedding.kept.id, prompt: packed, multimaskOutput };
    const moved = packed.mask ? [packed.mask.buffer] : [];
    return this.channel.ask("predict", request, { signal, latestOf, moved });
  }

  /**
   * A mask that no model made as the `mask` of a prompt. Give points or a box with it: alone it is
   * answered badly.
   */
  rough(embedding: ImageEmbedding, mask: FullMask): Float32Array {
    return maskLogits(mask, this.mapOf(embedding), this.facts.maskSide);
  }

  /** Stop the worker and free all memory. Whatever is under way fails. */
  close(): void {
    this.channel.close(new SegmenterError("the segmenter was closed"));
    this.worker.terminate();
  }

  /** @internal */
  release(id: number): void {
    this.channel.ask("release", { embedding: id }).catch(() => {}); // closed: nothing is left
  }

  private mapOf({ imageHw }: ImageEmbedding): ResizeMap {
    return new ResizeMap(imageHw, this.facts.inputPx, this.facts.resize);
  }

  private keep(kept: KeptEmbedding): ImageEmbedding {
    const embedding = new ImageEmbedding(kept, this);
    this.abandoned.register(embedding, kept.id);
    return embedding;
  }

  private kept(signal: AbortSignal | undefined) {
    return { signal, onUnwanted: ({ id }: KeptEmbedding) => this.release(id) };
  }
}

/** What can be sent to a worker: elements can't, the pixels they show can. */
async function portable(image: ImageBitmapSource): Promise<Picture> {
  if (image instanceof Blob || image instanceof ImageData || image instanceof ImageBitmap) {
    return image;
  }
  try {
    return await createImageBitmap(image, { colorSpaceConversion: "none" });
  } catch (error) {
    throw new ImageError(`the element shows no image: ${(error as Error).message}`);
  }
}

function folderUrl(folder: string | URL): string {
  const url = new URL(folder, document.baseURI);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}
