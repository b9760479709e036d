// TinyViT on the processor, by kernels of our own (kernels/): the same numbers as the graph's, in
// half of the time that ONNX Runtime's WebAssembly takes (docs/adr/0023).

import plainUrl from "../../kernels/build/plain.wasm?url";
import relaxedUrl from "../../kernels/build/relaxed.wasm?url";
import { ModelError } from "../errors";
import { type Plan, plan, type TinyViTConfig } from "./plan";
import { repeated } from "./repeated";
import { Tensors } from "./tensors";
import { counterBytes, type Start, thread } from "./thread";

const FIRST_ADDRESS = 4096;
const PAGE_BYTES = 65536;
const MOST_PAGES = 65536;
const READY_MS = 10_000;

export class TinyViT {
  private turn = 0;

  private constructor(
    private readonly plan: Plan,
    private readonly memory: WebAssembly.Memory,
    private readonly counters: readonly [number, number],
    private readonly run: (counters: number) => void,
    private readonly others: readonly Worker[],
  ) {}

  /** Of a file that anymask/export/encoder_tensors.py wrote. Throws ModelError. */
  static async open(bytes: Uint8Array<ArrayBuffer>, threads: number): Promise<TinyViT> {
    const tensors = Tensors.read(bytes);
    const config = JSON.parse(tensors.metadata["tiny_vit"] ?? "null") as TinyViTConfig | null;
    if (!config) throw new ModelError("the encoder's weights don't say what they are of");
    const made = plan(config, tensors, FIRST_ADDRESS);
    const module = await compiled();
    const each = counterBytes(made.steps.length);
    const scratch = made.bytes + 2 * each;
    const pages = Math.ceil((scratch + threads * made.scratchBytes) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES, shared: true });
    for (const [address, numbers] of made.weights) {
      new Float32Array(memory.buffer, address, numbers.length).set(numbers);
    }
    const started = (i: number): Start => ({
      module,
      memory,
      scratch: scratch + i * made.scratchBytes,
      steps: made.steps,
      threads,
    });
    const others = await Promise.all(
      Array.from({ length: threads - 1 }, (_, i) => startThread(started(i + 1))),
    );
    const counters = [made.bytes, made.bytes + each] as const;
    return new TinyViT(made, memory, counters, thread(started(0)), others);
  }

  /**
   * A picture (3, S, S), resized, normalised and padded, to its embedding (C, h, w). rows: of the
   * picture, below which are zeros.
   */
  embed(input: Float32Array, rows: number): Float32Array<ArrayBuffer> {
    const { side, grid, input: at, output, parts } = this.plan;
    for (const [i, known] of repeated(parts, rows, side).entries()) {
      new Int32Array(this.memory.buffer, parts[i].known, known.length).set(known);
    }
    const pixels = new Float32Array(this.memory.buffer, at, 3 * side * side);
    turned(input, 3, side * side, pixels);
    const [now, next] = this.turn++ % 2 ? [1, 0] : [0, 1];
    for (const other of this.others) other.postMessage(this.counters[now]);
    this.run(this.counters[now]);
    // Nobody is at these any more. Those of this run may still be looked at by who met others last.
    const each = counterBytes(this.plan.steps.length);
    new Uint8Array(this.memory.buffer, this.counters[next], each).fill(0);
    const channels = this.plan.channels;
    const tokens = new Float32Array(this.memory.buffer, output, grid * grid * channels);
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

/** The kernels that multiply and add in one, where the browser has them. */
async function compiled(): Promise<WebAssembly.Module> {
  const read = async (url: string) => (await fetch(url)).arrayBuffer();
  const relaxed = await read(relaxedUrl);
  return WebAssembly.compile(WebAssembly.validate(relaxed) ? relaxed : await read(plainUrl));
}

function startThread(start: Start): Promise<Worker> {
  const worker = new Worker(new URL("./thread-worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    const failed = () => reject(new ModelError("a thread of the encoder did not start"));
    setTimeout(failed, READY_MS);
    worker.onerror = failed;
    worker.onmessage = () => resolve(worker);
    worker.postMessage(start);
  });
}
