// A thread's part of a run: all steps of a program, together with the others.

/** A step's name and its numbers after the counter. */
export type Step = readonly [name: string, ...numbers: number[]];

/** What threads run together. */
export interface Program {
  readonly steps: readonly Step[];
  /** Where each thread in turn has room for itself, and how much. */
  readonly scratch: number;
  readonly scratchBytes: number;
}

/** What a thread is started with. */
export interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
}

export type Run = (program: Program, counters: number) => void;

const COUNTER_BYTES = 64; // one to a line of the cache

/** What the counters of a run take: two for each step. */
export function counterBytes(steps: number): number {
  return 2 * steps * COUNTER_BYTES;
}

/** Ready to run programs, on counters that are all 0. */
export function thread({ module, memory, thread, threads }: Start): Run {
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<
    string,
    (...numbers: number[]) => void
  >;
  return ({ steps, scratch, scratchBytes }, counters) => {
    kernels["useScratch"](scratch + thread * scratchBytes);
    let counter = counters;
    for (const [name, ...numbers] of steps) {
      kernels[name](counter, ...numbers);
      kernels["meet"](counter + COUNTER_BYTES, threads);
      counter += 2 * COUNTER_BYTES;
    }
  };
}
