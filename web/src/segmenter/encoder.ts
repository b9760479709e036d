// The encoder: a picture in, its embedding out. Only pages that have no server need it.

import type { ModelFacts, ModelFolder, OnProgress } from "./model-folder";
import { encoderInput } from "./picture";
import type { Raster } from "./resample";
import { ResizeMap } from "./resize-map";
import type { Opened, Runtime } from "./runtime";
import { TinyViT } from "./tiny-vit/tiny-vit";

export const ENCODER_FILE = "encoder.onnx";
export const TENSORS_FILE = "encoder.safetensors"; // of models that run without ONNX Runtime, too

export class Encoder {
  private opened: Opened | null = null;
  private tinyViT: TinyViT | null = null;

  constructor(
    private readonly runtime: Runtime,
    private readonly folder: ModelFolder,
    private readonly onProgress: OnProgress,
  ) {}

  /** The numbers of the embedding. Fetches and opens the model at the first call. */
  async run(pixels: Raster): Promise<Float32Array<ArrayBuffer>> {
    const { facts } = this.folder;
    const map = new ResizeMap([pixels.height, pixels.width], facts.inputPx, facts.resize);
    const input = encoderInput(pixels, map, facts.pixelMean, facts.pixelStd);
    if (this.opened === null && this.runtime.isOnProcessor && this.folder.has(TENSORS_FILE)) {
      this.tinyViT ??= await this.openTinyViT();
      return this.tinyViT.embed(input, map.contentHw[0]);
    }
    if (this.opened) return embed(this.opened, input, facts);
    const model = await this.folder.read(ENCODER_FILE, this.onProgress);
    const [opened, embedding] = await this.runtime.open(ENCODER_FILE, model, (opened) =>
      embed(opened, input, facts),
    );
    this.opened = opened;
    return embedding;
  }

  private async openTinyViT(): Promise<TinyViT> {
    const weights = await this.folder.read(TENSORS_FILE, this.onProgress);
    return TinyViT.open(weights, this.runtime.threads);
  }
}

async function embed({ ort, session }: Opened, input: Float32Array, { inputPx }: ModelFacts) {
  const image = new ort.Tensor("float32", input, [1, 3, inputPx, inputPx]);
  const answer = await session.run({ image });
  return answer["image_embeddings"].data as Float32Array<ArrayBuffer>;
}
