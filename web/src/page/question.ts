// What the person asked so far, and the way back.

import type { BoxXyxy, Point, Prompt } from "../segmenter";

export interface Question {
  readonly points: readonly Point[];
  readonly box: BoxXyxy | null;
}

export const NOTHING: Question = { points: [], box: null };

/** The questions of one picture, the newest last. */
export class Questions {
  private past: Question[] = [];

  get now(): Question {
    return this.past.at(-1) ?? NOTHING;
  }

  get isEmpty(): boolean {
    return !this.past.length;
  }

  addPoint(point: Point): void {
    this.past.push({ ...this.now, points: [...this.now.points, point] });
  }

  /** Take another box; the points stay. */
  setBox(box: BoxXyxy): void {
    this.past.push({ ...this.now, box });
  }

  undo(): void {
    this.past.pop();
  }

  clear(): void {
    this.past = [];
  }

  prompt(): Prompt {
    const { points, box } = this.now;
    return box ? { points, box } : { points };
  }
}
