// One more thread: it is told what to do once, and then when.

import { type Program, type Run, type Start, thread } from "./thread";

/** A program, the next by number, or which to run on which counters. */
export type Order = Program | readonly [program: number, counters: number];

let run: Run | null = null;
const programs: Program[] = [];

self.onmessage = ({ data }: MessageEvent<Start | Order>) => {
  if (data instanceof Array) {
    run!(programs[data[0]], data[1]);
  } else if ("module" in data) {
    run = thread(data);
    self.postMessage("ready");
  } else {
    programs.push(data);
  }
};
