// The decoder as ONNX graphs: on a graphics card, and of models that the kernels don't know.

import type { Tensor } from "onnxruntime-web";
import type { Decoded, Decoder, Prepared, Unmasked } from "./decoder";
import type { ModelFacts } from "./model-folder";
import type { PackedPrompt } from "./prompts";
import type { Opened, Runtime } from "./runtime";

export const PREPARE_FILE = "prepare.onnx";
export const MASK_FILE = "mask.onnx";
export const CLICK_FILE = "click.onnx";
const FIRST_IOU = "first_iou_predictions"; // before a second look
const UNMASKED = "_unmasked"; // after the name of what `prepare` gives: that is what `mask` takes

type Tensors = Readonly<Record<string, Tensor>>;

export class GraphDecoder implements Decoder {
  private constructor(
    private readonly preparing: Opened,
    private readonly masking: Opened,
    private readonly clicking: Opened,
    private readonly facts: ModelFacts,
  ) {}

  /** Open the graphs where they run. tryOut: the first run. Throws ModelError. */
  static async open(
    runtime: Runtime,
    facts: ModelFacts,
    read: (file: string) => Promise<Uint8Array<ArrayBuffer>>,
    tryOut: (decoder: GraphDecoder) => Promise<void>,
  ): Promise<GraphDecoder> {
    const prepare = await read(PREPARE_FILE);
    const mask = await read(MASK_FILE);
    const click = await read(CLICK_FILE);
    const [, decoder] = await runtime.open(CLICK_FILE, click, async (opened) => {
      const preparing = await runtime.beside(opened, prepare);
      const masking = await runtime.beside(opened, mask);
      const decoder = new GraphDecoder(preparing, masking, opened, facts);
      await tryOut(decoder);
      return decoder;
    });
    return decoder;
  }

  get backend() {
    return this.clicking.backend;
  }

  async prepare(embedding: Float32Array): Promise<Unmasked> {
    const { ort, session } = this.preparing;
    const shape = [1, ...this.facts.embeddingShape];
    const image_embeddings = new ort.Tensor("float32", embedding, shape);
    return new PreparedTensors(this, await session.run({ image_embeddings }));
  }

  /** @internal */
  async masked(tensors: Tensors, mask: Float32Array): Promise<Prepared> {
    const { ort, session } = this.masking;
    const { maskSide } = this.facts;
    const unmasked = Object.entries(tensors).map(([name, tensor]) => [name + UNMASKED, tensor]);
    const answer = await session.run({
      ...Object.fromEntries(unmasked),
      mask_input: new ort.Tensor("float32", mask, [1, 1, maskSide, maskSide]),
    });
    return new PreparedTensors(this, answer);
  }

  /** @internal */
  async answer(tensors: Tensors, prompt: PackedPrompt): Promise<Decoded> {
    const { ort, session } = this.clicking;
    const { coords, labels } = prompt;
    const taken = Object.entries(tensors).filter(([name]) => session.inputNames.includes(name));
    const answer = await session.run({
      ...Object.fromEntries(taken), // the rest is for masks
      point_coords: new ort.Tensor("float32", coords, [1, labels.length, 2]),
      point_labels: new ort.Tensor("float32", labels, [1, labels.length]),
      ...this.text(prompt.textEmbedding),
    });
    const isLone = prompt.ambiguous && !prompt.textEmbedding; // clicks, which are looked at twice
    const first = isLone ? undefined : answer[FIRST_IOU]; // the graph knows of no mask
    return {
      predictedIou: (first ?? answer["iou_predictions"]).data as Float32Array,
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

/** On the graphics card, if the decoder runs there. */
class PreparedTensors implements Unmasked {
  constructor(
    private readonly decoder: GraphDecoder,
    private readonly tensors: Tensors,
  ) {}

  masked(mask: Float32Array): Promise<Prepared> {
    return this.decoder.masked(this.tensors, mask);
  }

  run(prompt: PackedPrompt): Promise<Decoded> {
    return this.decoder.answer(this.tensors, prompt);
  }

  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }
}
