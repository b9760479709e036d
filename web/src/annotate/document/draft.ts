// The mask in work: what was asked of the model so far and what it gave, step by step. Kept in the
// browser, so that a reload or a crash costs nothing; the server hears of it when it is accepted.

import type { BoxXyxy, Chosen, Effort, Segmentation } from "../api/types";
import { Observable, type Readable, type Unsubscribe } from "../observable";
import { MemoryShelf } from "./memory-shelf";
import type { Shelf } from "./shelf";

/** All that is needed to go on from here. */
export interface DraftStep {
  /** The mask that is refined; null for a new one. */
  readonly maskId: string | null;
  /** The id of the mask that a new one becomes: the same in every tab that accepts it. */
  readonly becomes?: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly label: 0 | 1 }[];
  readonly box: BoxXyxy | null;
  readonly chosen: Chosen | null;
  /** The mask so far; null before the first answer or stroke. */
  readonly segmentation: Segmentation | null;
  /** The model's low resolution of it, a prompt of the next question. */
  readonly logits: Float32Array | null;
  readonly predictedIou: number | null;
  readonly source: string;
  readonly labelId: number | null;
  readonly group: string | null;
  /** What it took until here. */
  readonly effort: Effort;
}

/** Steps as they are kept: those behind `at` are undone. */
export interface DraftSteps {
  readonly steps: readonly DraftStep[];
  readonly at: number;
}

export interface DraftNow {
  readonly step: DraftStep | null;
  /** The step that undo leads back to. */
  readonly before: DraftStep | null;
  /** The step that this one's question was asked from; null: from nothing. */
  readonly askedFrom: DraftStep | null;
  readonly canUndo: boolean;
  /** What redo brings back. */
  readonly undone: DraftStep | null;
  /** false once the browser could not keep a step: it would be gone with the page. */
  readonly isKept: boolean;
}

export class Draft implements Readable<DraftNow> {
  private steps: DraftStep[];
  private at: number;
  private isKept = true;
  private readonly now: Observable<DraftNow>;

  constructor(
    private readonly imageId: number,
    private shelf: Pick<Shelf, "putDraftStep" | "moveDraft" | "endDraft">,
    kept: DraftSteps,
  ) {
    this.steps = [...kept.steps];
    this.at = kept.at;
    this.now = new Observable(this.read());
  }

  get value(): DraftNow {
    return this.now.value;
  }

  subscribe(run: (now: DraftNow) => void): Unsubscribe {
    return this.now.subscribe(run);
  }

  /** Go a step on; what was undone is gone. */
  push(step: DraftStep): void {
    this.steps.splice(this.at, Infinity, step);
    this.keep(this.shelf.putDraftStep(this.imageId, this.at, step));
    this.move(this.at + 1);
  }

  /** Whether there was a step to undo. The first leads back to nothing. */
  undo(): boolean {
    return this.goTo(this.at - 1);
  }

  redo(): boolean {
    return this.goTo(this.at + 1);
  }

  /** Give the mask up. */
  discard(): void {
    this.end();
    this.keep(this.shelf.endDraft(this.imageId));
  }

  /** Leave what is kept as it is, to another tab. */
  detach(): void {
    this.shelf = new MemoryShelf();
  }

  /** Forget the steps: the action that accepts them clears them where they are kept. */
  end(): void {
    this.steps = [];
    this.move(0);
  }

  private goTo(at: number): boolean {
    if (at < 0 || at > this.steps.length) return false;
    this.keep(this.shelf.moveDraft(this.imageId, at));
    this.move(at);
    return true;
  }

  private move(at: number): void {
    this.at = at;
    this.now.set(this.read());
  }

  private read(): DraftNow {
    const step = this.steps[this.at - 1] ?? null;
    const until = this.steps.slice(0, this.at);
    return {
      step,
      before: until.at(-2) ?? null,
      askedFrom: until.findLast((earlier) => step && !asksTheSame(earlier, step)) ?? null,
      canUndo: this.at > 0,
      undone: this.steps[this.at] ?? null,
      isKept: this.isKept,
    };
  }

  private keep(writing: Promise<void>): void {
    writing.catch(() => {
      this.isKept = false;
      this.now.set(this.read());
    });
  }
}

/** Whether two steps are answers to one question. */
function asksTheSame(a: DraftStep, b: DraftStep): boolean {
  const question = ({ points, box, source }: DraftStep) => JSON.stringify([points, box, source]);
  return question(a) === question(b);
}
