// What threads share the work by. All have one memory; counters are 0 before a step.

const SPINS: i32 = 20000;

export let scratch: usize = 0;

/** Where this thread, and no other, keeps what it needs in between. */
export function useScratch(at: usize): void {
  scratch = at;
}

/** Wait until all threads are here. counter: 0 before the first. */
export function meet(counter: usize, threads: i32): void {
  let here = atomic.add<i32>(counter, 1) + 1;
  if (here == threads) {
    atomic.notify(counter, threads);
    return;
  }
  for (let spin: i32 = 0; spin < SPINS && here < threads; spin++) here = atomic.load<i32>(counter);
  while (here < threads) {
    atomic.wait<i32>(counter, here, -1);
    here = atomic.load<i32>(counter);
  }
}

/** The next part of a step; `rows` or less of them. */
export function next(counter: usize): i32 {
  return atomic.add<i32>(counter, 1);
}

export function bytes(count: i32): usize {
  return (<usize>count) << 2;
}
