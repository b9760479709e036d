// The decoder: an embedding is prepared once for all prompts about it, a mask of a prompt changes
// that, then each gets mask logits and their predicted IoU.

import { GraphDecoder } from "./graph-decoder";
import { canShareMemory } from "./kernels/crew";
import { KernelDecoder } from "./mask-decoder/kernel-decoder";
import type { ModelFacts, ModelFolder } from "./model-folder";
import type { PackedPrompt } from "./prompts";
import type { Backend } from "./protocol";
import type { Runtime } from "./runtime";

/** What runs instead of graphs on a processor, where the export has it. */
export const TENSORS_FILE = "decoder.safetensors";

/** A click in the middle, for runs whose answer nobody reads. */
const TRIAL: PackedPrompt = {
  coords: Float32Array.of(512, 512),
  labels: Float32Array.of(1),
  mask: null,
  textEmbedding: null,
  ambiguous: true,
};

/** What prompts about an image share; a mask is part of it. */
export interface Prepared {
  /** Answer a prompt, whose mask is told by which image this is. */
  run(prompt: PackedPrompt): Promise<Decoded>;
  dispose(): void;
}

export interface Unmasked extends Prepared {
  /** The same image for a prompt with a mask. */
  masked(mask: Float32Array): Promise<Prepared>;
}

export interface Decoded {
  /** One for each mask token. */
  readonly predictedIou: Float32Array;
  /** The tokens' logits, side × side each, one after the other. */
  readonly logits: Float32Array;
}

export interface Decoder {
  readonly backend: Backend;
  /** Prepare an embedding for prompts without masks. */
  prepare(embedding: Float32Array): Promise<Unmasked>;
}

/** Open a model's decoder on the best that runs it. Throws ModelError. */
export async function openDecoder(
  runtime: Runtime,
  folder: ModelFolder,
  read: (file: string) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Decoder> {
  const { facts } = folder;
  const hasKernels = folder.has(TENSORS_FILE) && canShareMemory();
  if (!hasKernels || !(await runtime.startsOnProcessor())) {
    return GraphDecoder.open(runtime, facts, read, (decoder) => tryOut(decoder, facts, 1));
  }
  const decoder = await KernelDecoder.open(await read(TENSORS_FILE), runtime.threads);
  await tryOut(decoder, facts, 1);
  return decoder;
}

/**
 * Answer a click on nothing, so often unless `enough`: a browser first runs quickly made code and
 * makes better code of what has run often enough. In between the worker can be asked other things.
 */
export async function tryOut(
  decoder: Decoder,
  { embeddingShape }: ModelFacts,
  times: number,
  enough: () => boolean = () => false,
): Promise<void> {
  const count = embeddingShape.reduce((a, b) => a * b, 1);
  const nothing = await decoder.prepare(new Float32Array(count));
  for (let i = 0; i < times && !enough(); i++) {
    await nothing.run(TRIAL);
    await new Promise((resume) => setTimeout(resume));
  }
  nothing.dispose();
}
