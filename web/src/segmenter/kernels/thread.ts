// A thread's part of a run: all steps, together with the others.

/** A step's name and its numbers after the counter. */
export type Step = readonly [name: string, ...numbers: number[]];

/** What a thread is started with. */
export interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly scratch: number;
  readonly steps: readonly Step[];
  readonly threads: number;
}

const COUNTER_BYTES = 64; // one to a line of the cache

/** What the counters of a run take: two for each step. */
export function counterBytes(steps: number): number {
  return 2 * steps * COUNTER_BYTES;
}

/** Ready to run, on counters that are all 0. */
export function thread({ module, memory, scratch, steps, threads }: Start): (at: number) => void {
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<
    string,
    (...numbers: number[]) => void
  >;
  kernels["useScratch"](scratch);
  return (counters) => {
    let counter = counters;
    for (const [name, ...numbers] of steps) {
      kernels[name](counter, ...numbers);
      kernels["meet"](counter + COUNTER_BYTES, threads);
      counter += 2 * COUNTER_BYTES;
    }
  };
}
