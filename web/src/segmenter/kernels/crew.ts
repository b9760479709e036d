// Threads that run programs of kernels together, on one memory: this one, and workers.

import plainUrl from "../../kernels/build/plain.wasm?url";
import relaxedUrl from "../../kernels/build/relaxed.wasm?url";
import { ModelError } from "../errors";
import { counterBytes, type Program, type Run, type Start, thread } from "./thread";
import type { Order } from "./thread-worker";
import type { Placed } from "./weights";

/** Where memory begins to be used. */
export const FIRST_ADDRESS = 4096;
const PAGE_BYTES = 65536;
const LINE_BYTES = 64;
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

/** What lies in memory before the first run, and what comes after it. */
export interface Ground {
  readonly weights: Placed;
  /** Where what is in use ends. */
  readonly end: number;
  /** Of the longest program. */
  readonly steps: number;
}

export class Crew {
  private turn = 0;
  private programs = 0;

  private constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly counters: readonly [number, number],
    private readonly counterBytes: number,
    private readonly runHere: Run,
    private readonly others: readonly Worker[],
    readonly threads: number,
    private end: number,
  ) {}

  /** Throws ModelError. */
  static async start({ weights, end, steps }: Ground, threads: number): Promise<Crew> {
    const module = await compiled();
    const each = counterBytes(steps);
    const pages = Math.ceil((end + 2 * each) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES, shared: true });
    for (const [address, numbers] of weights) {
      new Float32Array(memory.buffer, address, numbers.length).set(numbers);
    }
    const started = (i: number): Start => ({ module, memory, thread: i, threads });
    const others = await Promise.all(
      Array.from({ length: threads - 1 }, (_, i) => startThread(started(i + 1))),
    );
    const counters = [end, end + each] as const;
    return new Crew(memory, counters, each, thread(started(0)), others, threads, end + 2 * each);
  }

  numbers(address: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, count);
  }

  wholeNumbers(address: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, count);
  }

  /** An address of so many bytes that nobody has yet. Throws ModelError if there are none. */
  room(bytes: number): number {
    const at = this.end;
    const lacking = at + bytes - this.memory.buffer.byteLength;
    try {
      if (lacking > 0) this.memory.grow(Math.ceil(lacking / PAGE_BYTES));
    } catch {
      throw new ModelError(`the browser has no ${Math.ceil(bytes / 2 ** 20)} MB of memory left`);
    }
    this.end += Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
    return at;
  }

  /** Teach a program to all threads: what runs it once. */
  learn(program: Program): () => void {
    if (counterBytes(program.steps.length) > this.counterBytes) {
      throw new Error(`a program of ${program.steps.length} steps is longer than was said`);
    }
    const id = this.programs++;
    this.tell(program);
    return () => {
      const [now, next] = this.turn++ % 2 ? [1, 0] : [0, 1];
      this.tell([id, this.counters[now]]);
      this.runHere(program, this.counters[now]);
      // Nobody is at these any more. Those of this run may still be looked at by who met others last.
      new Uint8Array(this.memory.buffer, this.counters[next], this.counterBytes).fill(0);
    };
  }

  private tell(order: Order): void {
    for (const other of this.others) other.postMessage(order);
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
