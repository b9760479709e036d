// What a click would give where the pointer is: asked before there is a click.

import type { Mask, Point } from "../../segmenter";

type Answer = Promise<readonly Mask[] | null>;

export class Glances {
  private last: { readonly at: Point; readonly masks: Answer } | null = null;

  /** @param ask null if another place is asked about before the answer is there. */
  constructor(private readonly ask: (at: Point) => Answer) {}

  /** A click that comes to the same place has its answer then, or gets it sooner. */
  at(x: number, y: number): Answer {
    const at: Point = { x, y };
    if (!this.last || !isSame(this.last.at, at)) {
      const masks = this.ask(at);
      this.last = { at, masks };
      void masks.then((seen) => {
        if (!seen && this.last?.masks === masks) this.last = null;
      });
    }
    return this.last.masks;
  }

  /** What was asked of a place, which is let go of: three masks as large as the image. */
  take(at: Point | undefined): Answer | null {
    const { last } = this;
    this.last = null;
    return at && last && isSame(last.at, at) ? last.masks : null;
  }
}

function isSame(a: Point, b: Point): boolean {
  return a.x === b.x && a.y === b.y;
}
