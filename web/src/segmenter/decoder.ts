// The decoder: an embedding is prepared once for all prompts about it, a mask of a prompt changes
// that, then each gets mask logits and their predicted IoU.

import type { Tensor } from "onnxruntime-web";
import type { ModelFacts } from "./model-folder";
import type { PackedPrompt } from "./prompts";
import type { Opened, Runtime } from "./runtime";

const PREPARE_FILE = "prepare.onnx";
const MASK_FILE = "mask.onnx";
const CLICK_FILE = "click.onnx";
const UNMASKED = "_unmasked"; // after the name of what `prepare` gives: that is what `mask` takes

/** A click in the middle, for runs whose answer nobody reads. */
const TRIAL: PackedPrompt = {
  coords: Float32Array.of(512, 512),
  labels: Float32Array.of(1),
  mask: null,
  textEmbedding: null,
  ambiguous: true,
};

/** What prompts about an image share; a mask is part of it. On the graphics card, if that runs. */
export class Prepared {
  constructor(readonly tensors: Readonly<Record<string, Tensor>>) {}

  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }
}

export interface Decoded {
  /** One for each mask token. */
  readonly predictedIou: Float32Array;
  /** The tokens' logits, side × side each, one after the other. */
  readonly logits: Float32Array;
}

export class Decoder {
  private constructor(
    private readonly preparing: Opened,
    private readonly masking: Opened,
    private readonly clicking: Opened,
    private readonly facts: ModelFacts,
  ) {}

  /** Open the graphs where they run. Throws ModelError. */
  static async open(
    runtime: Runtime,
    read: (file: string) => Promise<Uint8Array>,
    facts: ModelFacts,
  ): Promise<Decoder> {
    const prepare = await read(PREPARE_FILE);
    const mask = await read(MASK_FILE);
    const [, decoder] = await runtime.open(CLICK_FILE, await read(CLICK_FILE), async (opened) => {
      const preparing = await runtime.beside(opened, prepare);
      const masking = await runtime.beside(opened, mask);
      const decoder = new Decoder(preparing, masking, opened, facts);
      await decoder.tryOut(1);
      return decoder;
    });
    return decoder;
  }

  /**
   * Answer a click on nothing, so often unless `enough`: a browser first runs quickly made code and
   * makes better code of what has run often enough. In between the worker can be asked other things.
   */
  async tryOut(times: number, enough: () => boolean = () => false): Promise<void> {
    const count = this.facts.embeddingShape.reduce((a, b) => a * b, 1);
    const nothing = await this.prepare(new Float32Array(count));
    for (let i = 0; i < times && !enough(); i++) {
      await this.run(nothing, TRIAL);
      await new Promise((resume) => setTimeout(resume));
    }
    nothing.dispose();
  }

  get backend() {
    return this.clicking.backend;
  }

  /** Prepare an embedding for prompts without masks. */
  async prepare(embedding: Float32Array): Promise<Prepared> {
    const { ort, session } = this.preparing;
    const shape = [1, ...this.facts.embeddingShape];
    const image_embeddings = new ort.Tensor("float32", embedding, shape);
    return new Prepared(await session.run({ image_embeddings }));
  }

  /** The same image for a prompt with a mask. */
  async masked({ tensors }: Prepared, mask: Float32Array): Promise<Prepared> {
    const { ort, session } = this.masking;
    const { maskSide } = this.facts;
    const unmasked = Object.entries(tensors).map(([name, tensor]) => [name + UNMASKED, tensor]);
    const answer = await session.run({
      ...Object.fromEntries(unmasked),
      mask_input: new ort.Tensor("float32", mask, [1, 1, maskSide, maskSide]),
    });
    return new Prepared(answer);
  }

  async run({ tensors }: Prepared, prompt: PackedPrompt): Promise<Decoded> {
    const { ort, session } = this.clicking;
    const { coords, labels } = prompt;
    const taken = Object.entries(tensors).filter(([name]) => session.inputNames.includes(name));
    const answer = await session.run({
      ...Object.fromEntries(taken), // the rest is for masks
      point_coords: new ort.Tensor("float32", coords, [1, labels.length, 2]),
      point_labels: new ort.Tensor("float32", labels, [1, labels.length]),
      ...this.text(prompt.textEmbedding),
    });
    return {
      predictedIou: answer["iou_predictions"].data as Float32Array,
      logits: answer["low_res_masks"].data as Float32Array,
    };
  }

  /** What the graph of a model that reads takes besides. */
  private text(embedding: Float32Array | null): Record<string, Tensor> {
    const { ort } = this.clicking;
    const { textWidth } = this.facts;
    if (!textWidth) return {};
    const numbers = embedding ?? new Float32Array(textWidth);
    return {
      text_embeddings: new ort.Tensor("float32", numbers, [1, textWidth]),
      has_text: new ort.Tensor("float32", Float32Array.of(embedding ? 1 : 0), [1]),
    };
  }
}
