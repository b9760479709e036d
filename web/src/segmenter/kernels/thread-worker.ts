// One more thread: it is told what to do once, and then when.

import { type Start, thread } from "./thread";

let run: ((counters: number) => void) | null = null;

self.onmessage = ({ data }: MessageEvent<Start | number>) => {
  if (typeof data === "number") {
    run!(data);
    return;
  }
  run = thread(data);
  self.postMessage("ready");
};
