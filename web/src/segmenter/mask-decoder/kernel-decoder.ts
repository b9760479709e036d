// The decoder on the processor, all of it by kernels of our own (docs/adr/0026): an image stays in
// their memory, where a prompt finds it.

import type { Decoded, Decoder, Prepared, Unmasked } from "../decoder";
import { ModelError } from "../errors";
import { Crew, FIRST_ADDRESS } from "../kernels/crew";
import { BYTES, Rooms } from "../kernels/rooms";
import { Tensors } from "../kernels/tensors";
import type { Step } from "../kernels/thread";
import { Weights } from "../kernels/weights";
import type { PackedPrompt } from "../prompts";
import { type ClickPlan, clickPlan } from "./click-plan";
import { MASKS, type MaskDecoderConfig, Sizes } from "./config";
import { type Image, imageAt, ImagePlan, SCRATCH } from "./image-plan";
import { Tokens } from "./tokens";

const MOST_STEPS = 128;

/** What a prompt is answered by, and where that runs. */
interface Ready extends ClickPlan {
  readonly run: () => void;
}

/** An image's place in memory, and what was made to run there. */
interface Place {
  readonly image: Image;
  readonly prepare: () => void;
  /** From another image, without a mask. */
  readonly masks: Map<Place, () => void>;
}

export class KernelDecoder implements Decoder {
  readonly backend = "wasm";
  private readonly free: Place[] = [];
  private work = { start: 0, bytes: 0 }; // of prompts, which take turns
  private readonly clicks = new Map<string, Ready>();

  private constructor(
    private readonly config: MaskDecoderConfig,
    private readonly sizes: Sizes,
    private readonly weights: Weights,
    private readonly plan: ImagePlan,
    private readonly tokens: Tokens,
    private readonly crew: Crew,
    private readonly scratch: number,
  ) {}

  /** Of a file that anymask/export/decoder_tensors.py wrote. Throws ModelError. */
  static async open(bytes: Uint8Array<ArrayBuffer>, threads: number): Promise<KernelDecoder> {
    const tensors = Tensors.read(bytes);
    const said = tensors.metadata["mask_decoder"] ?? "null";
    const config = JSON.parse(said) as MaskDecoderConfig | null;
    if (!config) throw new ModelError("the decoder's weights don't say what they are of");
    const sizes = new Sizes(config);
    const rooms = new Rooms(FIRST_ADDRESS);
    const weights = new Weights(tensors, rooms);
    const plan = new ImagePlan(config, sizes, weights, rooms);
    // All that any plan reads has its address before the crew starts.
    const nowhere = imageAt(sizes, 0);
    const placing = plan.placing();
    plan.preparing(nowhere);
    plan.masking(nowhere, nowhere);
    clickPlan(config, sizes, weights, plan.places, nowhere, 8, sizes.ranking > 0, 0);
    const ground = { weights: weights.placed, end: rooms.end, steps: MOST_STEPS };
    const crew = await Crew.start(ground, threads);
    const scratch = crew.room(threads * SCRATCH * BYTES);
    const tokens = new Tokens(tensors, config.width, config.input_px);
    const decoder = new KernelDecoder(config, sizes, weights, plan, tokens, crew, scratch);
    decoder.take(plan.map, tokens.grid(config.grid));
    decoder.learn(placing)();
    return decoder;
  }

  async prepare(embedding: Float32Array): Promise<Unmasked> {
    const place = this.place();
    this.take(this.plan.map, embedding);
    place.prepare();
    return new PreparedImage(this, place);
  }

  /** @internal */
  masked(place: Place, mask: Float32Array): Prepared {
    const other = this.place();
    let run = other.masks.get(place);
    if (!run) {
      run = this.learn(this.plan.masking(place.image, other.image));
      other.masks.set(place, run);
    }
    this.take(this.plan.mask, mask);
    run();
    return new PreparedImage(this, other);
  }

  /** @internal */
  answer(place: Place, { coords, labels, ambiguous }: PackedPrompt): Decoded {
    const tokens = this.tokens.of(coords, labels);
    const ready = this.ready(place, tokens.length / this.sizes.channels, ambiguous);
    this.take(ready.prompt, tokens);
    ready.run();
    // Copies: numbers that threads share can't be sent, and the next run overwrites them.
    return {
      predictedIou: this.crew.numbers(ready.iou, MASKS).slice(),
      logits: this.crew.numbers(ready.logits, MASKS * 16 * this.sizes.length).slice(),
    };
  }

  /** @internal */
  release(place: Place): void {
    this.free.push(place);
  }

  /** A place for an image that nobody has. */
  private place(): Place {
    const known = this.free.pop();
    if (known) return known;
    const image = imageAt(this.sizes, this.crew.room(imageAt(this.sizes, 0).end));
    const prepare = this.learn(this.plan.preparing(image));
    return { image, prepare, masks: new Map() };
  }

  /** What answers prompts of so many tokens about an image. */
  private ready(place: Place, tokens: number, ambiguous: boolean): Ready {
    const isLone = ambiguous && this.sizes.ranking > 0;
    const key = `${place.image.own} ${tokens} ${isLone}`;
    const known = this.clicks.get(key);
    if (known) return known;
    const plan = clickPlan(
      this.config,
      this.sizes,
      this.weights,
      this.plan.places,
      place.image,
      tokens,
      isLone,
      this.work.start,
    );
    const { steps, end: scratch, scratchBytes } = plan;
    const needed = scratch + this.crew.threads * scratchBytes - this.work.start;
    if (needed > this.work.bytes) {
      const bytes = Math.max(needed, 2 * this.work.bytes); // what was there stays unused
      this.work = { start: this.crew.room(bytes), bytes };
      this.clicks.clear(); // they ran in the room before
      return this.ready(place, tokens, ambiguous);
    }
    const run = this.crew.learn({ steps, scratch, scratchBytes });
    const ready = { ...plan, run };
    this.clicks.set(key, ready);
    return ready;
  }

  private learn(steps: readonly Step[]): () => void {
    return this.crew.learn({ steps, scratch: this.scratch, scratchBytes: SCRATCH * BYTES });
  }

  private take(address: number, numbers: Float32Array): void {
    this.crew.numbers(address, numbers.length).set(numbers);
  }
}

class PreparedImage implements Unmasked {
  constructor(
    private readonly decoder: KernelDecoder,
    private readonly place: Place,
  ) {}

  async masked(mask: Float32Array): Promise<Prepared> {
    return this.decoder.masked(this.place, mask);
  }

  async run(prompt: PackedPrompt): Promise<Decoded> {
    return this.decoder.answer(this.place, prompt);
  }

  dispose(): void {
    this.decoder.release(this.place);
  }
}
