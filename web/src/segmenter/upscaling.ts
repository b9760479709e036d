// The end of a click on the processor by kernels of our own (kernels/upscaling.ts): from what the
// graph gives of the image, which is a sum of few rows, to logits (docs/adr/0025).

import { ModelError } from "./errors";
import { Crew, FIRST_ADDRESS } from "./kernels/crew";
import { Tensors } from "./kernels/tensors";

const MASKS = 4;
const BYTES = 4; // a number
const PANEL = 8; // columns that are multiplied together
const POSITIONS = 16; // that a thread upscales at a time

/** Where what a click brings lies, and what comes out. */
interface Places {
  readonly asked: number;
  readonly own: number;
  readonly hyper: number;
  readonly logits: number;
}

export class Upscaling {
  private image: Float32Array | null = null; // whose numbers are in memory

  private constructor(
    private readonly side: number,
    private readonly channels: number,
    private readonly places: Places,
    private readonly crew: Crew,
  ) {}

  /** Of a file that anymask/export/upscaling_tensors.py wrote. Throws ModelError. */
  static async open(
    bytes: Uint8Array<ArrayBuffer>,
    [channels, side]: readonly number[], // of embeddings
    threads: number,
  ): Promise<Upscaling> {
    const tensors = Tensors.read(bytes);
    const about = JSON.parse(tensors.metadata["upscaling"] ?? "null") as { eps: number } | null;
    if (!about) throw new ModelError("the kernels' weights don't say that they are for upscaling");
    let end = FIRST_ADDRESS;
    const room = (count: number) => {
      const at = end;
      end += Math.ceil((count * BYTES) / 64) * 64;
      return at;
    };
    const weights = ["gain", "shift", "weight", "bias"].map((name) => {
      const numbers = tensors.numbers(name);
      return [room(numbers.length), numbers] as const;
    });
    const c = channels / 4;
    const places = {
      asked: room(2),
      own: room(side * side * channels),
      hyper: room((MASKS * c) / 2),
      logits: room(MASKS * 16 * side * side),
    };
    const { asked, own, hyper, logits } = places;
    const at = weights.map(([address]) => address);
    const work = {
      steps: [["upscale", side, c, about.eps, asked, own, ...at, hyper, logits] as const],
      weights,
      bytes: end,
      scratchBytes: BYTES * ((POSITIONS + 6) * channels + 64),
    };
    return new Upscaling(side, channels, places, await Crew.start(work, threads));
  }

  /**
   * Logits (4, 4·side, 4·side), that are overwritten by the next run. image: (side², channels), its
   * share in the upscaling; hyper (4, channels / 8), steps (k, side²) and rows (k, channels) of a
   * prompt.
   */
  run(
    image: Float32Array,
    hyper: Float32Array,
    steps: Float32Array,
    rows: Float32Array,
  ): Float32Array {
    const { crew, places, channels } = this;
    const k = rows.length / channels;
    const at = crew.room(BYTES * (rows.length + 2 * steps.length));
    crew.wholeNumbers(places.asked, 2).set([k, at]);
    if (this.image !== image) crew.numbers(places.own, image.length).set(image);
    this.image = image;
    packed(hyper, MASKS, crew.numbers(places.hyper, hyper.length));
    panels(rows, channels, crew.numbers(at, rows.length));
    crew.numbers(at + BYTES * rows.length, steps.length).set(steps);
    crew.run();
    return crew.numbers(places.logits, MASKS * 16 * this.side ** 2);
  }
}

/** (count, n) to (n, count). */
function packed(from: Float32Array, count: number, to: Float32Array): void {
  const n = from.length / count;
  for (let i = 0, at = 0; i < n; i++) {
    for (let row = 0; row < count; row++, at++) to[at] = from[row * n + i];
  }
}

/** (k, n) to panels of 8 columns, (n / 8, k, 8). */
function panels(from: Float32Array, n: number, to: Float32Array): void {
  for (let first = 0, at = 0; first < n; first += PANEL) {
    for (let i = first; i < from.length; i += n, at += PANEL) {
      to.set(from.subarray(i, i + PANEL), at);
    }
  }
}
