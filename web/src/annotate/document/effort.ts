// What a mask takes, measured as the paper does (*Segment Anything* §4).

import type { Effort, EffortEvent } from "../api/types";

export const IDLE_AFTER_S = 30;
export const NUDGE_AFTER_S = 30;

/** Of an action that is no work of its own: its time counts for the mask after it. */
export const NO_EFFORT: Effort = {
  seconds: 0,
  clicks_add: 0,
  clicks_remove: 0,
  boxes: 0,
  strokes: 0,
  chosen: null,
  model_id: null,
  events: [],
};

/** Each kind of event without its time. */
export type Happening = EffortEvent extends infer E
  ? E extends EffortEvent
    ? Omit<E, "t_s">
    : never
  : never;

export interface EffortOptions {
  readonly modelId: string | null;
  /** Told once on each mask that has taken 30 s: the paper asks annotators to go on by then. */
  readonly onNudge?: () => void;
  readonly nudgeAfterS?: number;
}

/**
 * The clock of one mask after the other: each starts where the one before was accepted, so that
 * looking for the next object counts.
 *
 * It runs while the page is visible and the annotator active. A pause between two signs of life
 * counts for 30 s at most, as thinking; the rest of it is idle. A page out of sight counts nothing.
 */
export class EffortClock {
  /** The model that helps from now on. */
  modelId: string | null;
  private readonly onNudge: () => void;
  private readonly nudgeAfterMs: number;
  private events: EffortEvent[] = [];
  private chosen: Effort["chosen"] = null;
  private countedMs = 0;
  private lastSignMs: number | null = null; // null: out of sight
  private nudged = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ modelId, onNudge = () => {}, nudgeAfterS = NUDGE_AFTER_S }: EffortOptions) {
    this.modelId = modelId;
    this.onNudge = onNudge;
    this.nudgeAfterMs = 1000 * nudgeAfterS;
    this.restart();
  }

  /** Listen to a page: whether it is seen, and every sign of its annotator. */
  watch(page: Document): () => void {
    const show = () => this.setVisible(page.visibilityState === "visible");
    const act = () => this.sign();
    const signs = ["pointermove", "pointerdown", "keydown", "wheel"] as const;
    page.addEventListener("visibilitychange", show);
    for (const sign of signs) page.addEventListener(sign, act, { passive: true, capture: true });
    show();
    return () => {
      page.removeEventListener("visibilitychange", show);
      for (const sign of signs) page.removeEventListener(sign, act, { capture: true });
      clearTimeout(this.timer);
    };
  }

  get seconds(): number {
    return round((this.countedMs + this.sinceLastSign()) / 1000);
  }

  /** The annotator is there. */
  sign(): void {
    if (this.lastSignMs === null) return;
    this.countedMs += this.sinceLastSign();
    this.lastSignMs = performance.now();
  }

  setVisible(isVisible: boolean): void {
    this.countedMs += this.sinceLastSign();
    this.lastSignMs = isVisible ? performance.now() : null;
    this.awaitNudge();
  }

  /** Something was done. */
  record(happening: Happening): void {
    this.sign();
    if (happening.kind === "choose") this.chosen = happening.chosen;
    this.events.push({ t_s: this.seconds, ...happening } as EffortEvent);
  }

  /** What the mask has taken so far. */
  get value(): Effort {
    const count = (is: (event: EffortEvent) => boolean) => this.events.filter(is).length;
    return {
      seconds: this.seconds,
      clicks_add: count((event) => event.kind === "click" && event.add),
      clicks_remove: count((event) => event.kind === "click" && !event.add),
      boxes: count(({ kind }) => kind === "box"),
      strokes: count(({ kind }) => kind === "stroke" || kind === "lasso"),
      chosen: this.chosen,
      model_id: this.modelId,
      events: [...this.events],
    };
  }

  /** What the mask took; the next one starts. */
  take(): Effort {
    const effort = this.value;
    this.restart();
    return effort;
  }

  /** Go on with a mask that was begun before: a draft's. */
  restore({ seconds, chosen, events }: Effort): void {
    this.restart();
    this.countedMs = 1000 * seconds;
    this.chosen = chosen;
    this.events = [...events];
    this.nudged = this.countedMs >= this.nudgeAfterMs;
    this.awaitNudge();
  }

  private restart(): void {
    this.events = [];
    this.chosen = null;
    this.countedMs = 0;
    this.nudged = false;
    if (this.lastSignMs !== null) this.lastSignMs = performance.now();
    this.awaitNudge();
  }

  private sinceLastSign(): number {
    if (this.lastSignMs === null) return 0;
    return Math.min(performance.now() - this.lastSignMs, 1000 * IDLE_AFTER_S);
  }

  private awaitNudge(): void {
    clearTimeout(this.timer);
    if (this.nudged || this.lastSignMs === null) return;
    const left = this.nudgeAfterMs - this.countedMs - this.sinceLastSign();
    if (left > 0) {
      this.timer = setTimeout(() => this.awaitNudge(), left);
      return;
    }
    this.nudged = true;
    this.onNudge();
  }
}

/** To the millisecond. */
function round(seconds: number): number {
  return Math.round(1000 * seconds) / 1000;
}
