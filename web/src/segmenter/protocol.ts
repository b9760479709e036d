// What the page and the worker say to each other. Nothing else crosses.

import type { EmbeddingFacts } from "./embedding";
import type { ErrorNote } from "./errors";
import type { FullMask } from "./mask";
import type { ModelFacts, Progress } from "./model-folder";
import type { Picture } from "./picture";
import type { PackedPrompt } from "./prompts";

/** What runs the model: the graphics card or the processor. */
export type Backend = "webgpu" | "wasm";

/** One answer to a prompt. */
export interface Mask extends FullMask {
  /** How well the model thinks the mask fits, 0 to 1. */
  readonly predictedIou: number;
  /** Low resolution, over the model's whole square, row by row: a `mask` of the next prompt. */
  readonly logits: Float32Array<ArrayBuffer>;
}

export interface Answer {
  /** Best first. */
  readonly masks: readonly Mask[];
  /** Time of the decoder, and of making masks of its logits. */
  readonly decodeMs: number;
  readonly upsampleMs: number;
}

export interface Loaded {
  readonly facts: ModelFacts;
  readonly backend: Backend;
  readonly threads: number;
  /** Why a backend that was asked for is not the one. */
  readonly notes: readonly string[];
}

/** An embedding that the worker keeps. */
export interface KeptEmbedding extends EmbeddingFacts {
  readonly id: number;
}

/** Every request with its answer. */
export interface Calls {
  load: {
    request: { url: string; backends: readonly Backend[]; threads: number };
    answer: Loaded;
  };
  receive: { request: { bytes: ArrayBuffer }; answer: KeptEmbedding };
  encode: { request: { picture: Picture }; answer: KeptEmbedding };
  predict: {
    request: {
      embedding: number;
      prompt: PackedPrompt;
      multimaskOutput: boolean | undefined;
    };
    answer: Answer;
  };
  release: { request: { embedding: number }; answer: null };
}

export type CallName = keyof Calls;

/** Page to worker. */
export interface Request<K extends CallName = CallName> {
  readonly id: number;
  readonly call: K;
  readonly request: Calls[K]["request"];
}

/** Worker to page: a request's end, or news in between. */
export type Reply =
  | { readonly id: number; readonly answer: Calls[CallName]["answer"] }
  | { readonly id: number; readonly error: ErrorNote }
  | { readonly progress: Progress };

/** What the code behind the worker's door does for each call; the second part is moved, not copied. */
export type Handlers = {
  [K in CallName]: (
    request: Calls[K]["request"],
  ) => Promise<readonly [answer: Calls[K]["answer"], moved?: Transferable[]]>;
};
