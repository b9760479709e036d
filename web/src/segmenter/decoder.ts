// The decoder: an embedding and a prompt in, mask logits and their predicted IoU out.

import type { Tensor } from "onnxruntime-web";
import type { ModelFacts } from "./model-folder";
import type { PackedPrompt } from "./prompts";
import type { Opened, Runtime } from "./runtime";

export const DECODER_FILE = "decoder_low_res.onnx";

/** A click in the middle, for runs whose answer nobody reads. */
const TRIAL: PackedPrompt = {
  coords: Float32Array.of(512, 512),
  labels: Float32Array.of(1),
  mask: null,
  ambiguous: true,
};

// TypeScript's own library has WebGPU's types and not its constants.
declare const GPUBufferUsage: Record<"STORAGE" | "COPY_SRC" | "COPY_DST", number>;

export interface Decoded {
  /** One for each mask token. */
  readonly predictedIou: Float32Array;
  /** The tokens' logits, side × side each, one after the other. */
  readonly logits: Float32Array;
}

export class Decoder {
  private readonly noMask: Tensor;

  private constructor(
    private readonly opened: Opened,
    private readonly facts: ModelFacts,
  ) {
    this.noMask = this.maskTensor(new Float32Array(facts.maskSide ** 2));
  }

  /** Open the decoder where it runs. Throws ModelError. */
  static async open(runtime: Runtime, model: Uint8Array, facts: ModelFacts): Promise<Decoder> {
    const [, decoder] = await runtime.open(DECODER_FILE, model, async (opened) => {
      const decoder = new Decoder(opened, facts);
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
    const nothing = await this.embedding(new Float32Array(count));
    for (let i = 0; i < times && !enough(); i++) {
      await this.run(nothing, TRIAL);
      await new Promise((resume) => setTimeout(resume));
    }
    nothing.dispose();
  }

  get backend() {
    return this.opened.backend;
  }

  /** The numbers of an embedding as `run` takes them: on the graphics card, if that is to read. */
  async embedding(numbers: Float32Array<ArrayBuffer>): Promise<Tensor> {
    const { backend, ort } = this.opened;
    const dims = [1, ...this.facts.embeddingShape];
    if (backend === "wasm") return new ort.Tensor("float32", numbers, dims);
    const device = await ort.env.webgpu.device;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: numbers.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, numbers);
    const dispose = () => buffer.destroy();
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims, dispose });
  }

  async run(embedding: Tensor, { coords, labels, mask }: PackedPrompt): Promise<Decoded> {
    const { ort, session } = this.opened;
    const answer = await session.run({
      image_embeddings: embedding,
      point_coords: new ort.Tensor("float32", coords, [1, labels.length, 2]),
      point_labels: new ort.Tensor("float32", labels, [1, labels.length]),
      mask_input: mask ? this.maskTensor(mask) : this.noMask,
      has_mask_input: new ort.Tensor("float32", Float32Array.of(mask ? 1 : 0), [1]),
    });
    return {
      predictedIou: answer["iou_predictions"].data as Float32Array,
      logits: answer["low_res_masks"].data as Float32Array,
    };
  }

  private maskTensor(logits: Float32Array): Tensor {
    const { maskSide } = this.facts;
    return new this.opened.ort.Tensor("float32", logits, [1, 1, maskSide, maskSide]);
  }
}
