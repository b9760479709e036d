// TinyViT on the processor, by kernels of our own (kernels/): the same numbers as the graph's, in
// half of the time that ONNX Runtime's WebAssembly takes (docs/adr/0023).

import { ModelError } from "../errors";
import { Crew, FIRST_ADDRESS } from "../kernels/crew";
import { Tensors } from "../kernels/tensors";
import { type Plan, plan, type TinyViTConfig } from "./plan";
import { repeated } from "./repeated";

export class TinyViT {
  private constructor(
    private readonly plan: Plan,
    private readonly crew: Crew,
    private readonly run: () => void,
  ) {}

  /** Of a file that anymask/export/encoder_tensors.py wrote. Throws ModelError. */
  static async open(bytes: Uint8Array<ArrayBuffer>, threads: number): Promise<TinyViT> {
    const tensors = Tensors.read(bytes);
    const config = JSON.parse(tensors.metadata["tiny_vit"] ?? "null") as TinyViTConfig | null;
    if (!config) throw new ModelError("the encoder's weights don't say what they are of");
    const made = plan(config, tensors, FIRST_ADDRESS);
    const { steps, weights, end, scratchBytes } = made;
    const crew = await Crew.start({ weights, end, steps: steps.length }, threads);
    const scratch = crew.room(threads * scratchBytes);
    return new TinyViT(made, crew, crew.learn({ steps, scratch, scratchBytes }));
  }

  /**
   * A picture (3, S, S), resized, normalised and padded, to its embedding (C, h, w). rows: of the
   * picture, below which are zeros.
   */
  embed(input: Float32Array, rows: number): Float32Array<ArrayBuffer> {
    const { side, grid, input: at, output, parts, channels } = this.plan;
    for (const [i, known] of repeated(parts, rows, side).entries()) {
      this.crew.wholeNumbers(parts[i].known, known.length).set(known);
    }
    turned(input, 3, side * side, this.crew.numbers(at, 3 * side * side));
    this.run();
    const tokens = this.crew.numbers(output, grid * grid * channels);
    const embedding = new Float32Array(tokens.length);
    turned(tokens, grid * grid, channels, embedding);
    return embedding;
  }
}

/** The transpose of (rows, columns). */
function turned(from: Float32Array, rows: number, columns: number, to: Float32Array): void {
  for (let row = 0, i = 0; row < rows; row++) {
    for (let at = row, column = 0; column < columns; column++, i++, at += rows) to[at] = from[i];
  }
}
