// The decoder: an embedding is prepared once for all prompts about it, a mask of a prompt changes
// that, then each gets mask logits and their predicted IoU.

import type { Tensor } from "onnxruntime-web";
import { canShareMemory } from "./kernels/crew";
import type { ModelFacts, ModelFolder } from "./model-folder";
import type { PackedPrompt } from "./prompts";
import type { Opened, Runtime } from "./runtime";
import { Upscaling } from "./upscaling";

const PREPARE_FILE = "prepare.onnx";
const MASK_FILE = "mask.onnx";
const CLICK_FILE = "click.onnx";
// What runs instead of it on a processor, where the export has that: a graph up to the upscaling,
// kernels of ours, and for models that look twice at masks the rest.
const ATTEND_FILE = "attend.onnx";
const UPSCALING_FILE = "upscaling.safetensors";
const RANK_FILE = "rank.onnx";
const [OWN, SEEN] = ["shared_upscaled", "shared_seen"]; // of what `prepare` gives
const FIRST_IOU = "first_iou_predictions"; // before a second look
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

type Tensors = Readonly<Record<string, Tensor>>;

/** What goes on after `ATTEND_FILE`. */
interface Rest {
  readonly upscaling: Upscaling;
  readonly ranking: Opened | null;
}

export class Decoder {
  private constructor(
    private readonly preparing: Opened,
    private readonly masking: Opened,
    private readonly clicking: Opened,
    private readonly facts: ModelFacts,
    private readonly rest: Rest | null,
  ) {}

  /** Open the graphs where they run. Throws ModelError. */
  static async open(
    runtime: Runtime,
    folder: ModelFolder,
    read: (file: string) => Promise<Uint8Array<ArrayBuffer>>,
  ): Promise<Decoder> {
    const { facts } = folder;
    const prepare = await read(PREPARE_FILE);
    const mask = await read(MASK_FILE);
    const hasKernels = folder.has(UPSCALING_FILE) && canShareMemory();
    const byKernels = hasKernels && (await runtime.startsOnProcessor());
    const file = byKernels ? ATTEND_FILE : CLICK_FILE;
    const [, decoder] = await runtime.open(file, await read(file), async (opened) => {
      const preparing = await runtime.beside(opened, prepare);
      const masking = await runtime.beside(opened, mask);
      const rest = byKernels ? await openRest(runtime, opened, folder, read) : null;
      const decoder = new Decoder(preparing, masking, opened, facts, rest);
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
    const isLone = prompt.ambiguous && !prompt.textEmbedding; // clicks, which are looked at twice
    const { low_res_masks, ...iou } = this.rest
      ? await this.finished(this.rest, tensors, answer, isLone)
      : answer;
    const first = isLone ? undefined : iou[FIRST_IOU]; // the graph knows of no mask
    return {
      predictedIou: (first ?? iou["iou_predictions"]).data as Float32Array,
      logits: low_res_masks.data as Float32Array,
    };
  }

  /** What the graph of the whole click would answer, of what `ATTEND_FILE` answered. */
  private async finished(
    { upscaling, ranking }: Rest,
    prepared: Tensors,
    told: Tensors,
    isLone: boolean,
  ): Promise<Tensors> {
    const { ort } = this.clicking;
    const { maskSide } = this.facts;
    const [image, hyper, steps, rows] = [
      prepared[OWN],
      told["hyper"],
      told["steps"],
      told["rows"],
    ].map(({ data }) => data as Float32Array);
    // A copy: numbers that threads share are none for ONNX Runtime, and the next run's.
    const logits = upscaling.run(image, hyper, steps, rows).slice();
    const shape = [1, logits.length / maskSide ** 2, maskSide, maskSide];
    const low_res_masks = new ort.Tensor("float32", logits, shape);
    if (!ranking || !isLone) return { ...told, low_res_masks };
    const looked = { tokens: told["tokens"], [FIRST_IOU]: told[FIRST_IOU], [SEEN]: prepared[SEEN] };
    const ranked = await ranking.session.run({ ...looked, low_res_masks });
    return { ...ranked, low_res_masks };
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

async function openRest(
  runtime: Runtime,
  opened: Opened,
  folder: ModelFolder,
  read: (file: string) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Rest> {
  const { embeddingShape } = folder.facts;
  const upscaling = await Upscaling.open(
    await read(UPSCALING_FILE),
    embeddingShape,
    runtime.threads,
  );
  const hasRanking = folder.has(RANK_FILE);
  const ranking = hasRanking ? await runtime.beside(opened, await read(RANK_FILE)) : null;
  return { upscaling, ranking };
}
