// Threads that run steps of kernels together, on one memory: this one, and workers.

import plainUrl from "../../kernels/build/plain.wasm?url";
import relaxedUrl from "../../kernels/build/relaxed.wasm?url";
import { ModelError } from "../errors";
import { counterBytes, type Start, type Step, thread } from "./thread";

/** Where memory begins to be used. */
export const FIRST_ADDRESS = 4096;
const PAGE_BYTES = 65536;
const MOST_PAGES = 65536;
const READY_MS = 10_000;

/** Whether this page may have a crew: some browsers share memory only on isolated pages. */
export function canShareMemory(): boolean {
  try {
    return !!new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  } catch {
    return false;
  }
}

/** What a crew does in each run, and what lies in memory. */
export interface Work {
  readonly steps: readonly Step[];
  /** What lies there before the first run: numbers and their addresses. */
  readonly weights: readonly (readonly [address: number, numbers: Float32Array])[];
  /** Of what is used together by all, and by each thread besides. */
  readonly bytes: number;
  readonly scratchBytes: number;
}

export class Crew {
  private turn = 0;

  private constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly counters: readonly [number, number],
    private readonly counterBytes: number,
    private readonly runSteps: (counters: number) => void,
    private readonly others: readonly Worker[],
    private readonly end: number,
  ) {}

  /** Throws ModelError. */
  static async start(work: Work, threads: number): Promise<Crew> {
    const { steps, bytes, scratchBytes } = work;
    const module = await compiled();
    const each = counterBytes(steps.length);
    const scratch = bytes + 2 * each;
    const end = scratch + threads * scratchBytes;
    const pages = Math.ceil(end / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES, shared: true });
    for (const [address, numbers] of work.weights) {
      new Float32Array(memory.buffer, address, numbers.length).set(numbers);
    }
    const started = (i: number): Start => ({
      module,
      memory,
      scratch: scratch + i * scratchBytes,
      steps,
      threads,
    });
    const others = await Promise.all(
      Array.from({ length: threads - 1 }, (_, i) => startThread(started(i + 1))),
    );
    return new Crew(memory, [bytes, bytes + each], each, thread(started(0)), others, end);
  }

  numbers(address: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, count);
  }

  wholeNumbers(address: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, count);
  }

  /** The address of so many bytes for one run, whatever its size. */
  room(bytes: number): number {
    const lacking = this.end + bytes - this.memory.buffer.byteLength;
    if (lacking > 0) this.memory.grow(Math.ceil(lacking / PAGE_BYTES));
    return this.end;
  }

  /** Run all steps once. */
  run(): void {
    const [now, next] = this.turn++ % 2 ? [1, 0] : [0, 1];
    for (const other of this.others) other.postMessage(this.counters[now]);
    this.runSteps(this.counters[now]);
    // Nobody is at these any more. Those of this run may still be looked at by who met others last.
    new Uint8Array(this.memory.buffer, this.counters[next], this.counterBytes).fill(0);
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
    const failed = () => reject(new ModelError("a thread of the kernels did not start"));
    setTimeout(failed, READY_MS);
    worker.onerror = failed;
    worker.onmessage = () => resolve(worker);
    worker.postMessage(start);
  });
}
