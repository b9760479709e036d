// The map between an image and the model's square input (anymask/core/geometry.py).

import { SegmenterError } from "./errors";

/** Height and width, in this order, as everywhere in anymask. */
export type SizeHw = readonly [height: number, width: number];

/** How images get into the square: keeping their shape, or filling it. */
export type Resize = "longest_side" | "stretch";

/**
 * How an image gets into the model's square of side `inputPx`.
 *
 * "longest_side" (SAM): the longer side becomes `inputPx`, what is missing is filled below or to
 * the right, and sizes round as in the official `ResizeLongestSide`; a side never rounds to
 * nothing. "stretch" (SAM 2): each side becomes `inputPx`.
 */
export class ResizeMap {
  /** Size of the resized image inside the square. */
  readonly contentHw: SizeHw;

  constructor(
    readonly imageHw: SizeHw,
    readonly inputPx: number,
    readonly resize: Resize = "longest_side",
  ) {
    const [h, w] = imageHw;
    if (!(Math.min(h, w) >= 1 && inputPx >= 1)) {
      throw new SegmenterError(`no map from an image of ${w}×${h} to ${inputPx} pixels`);
    }
    const scale = inputPx / Math.max(h, w);
    const fit = (side: number) =>
      resize === "stretch" ? inputPx : Math.max(Math.floor(side * scale + 0.5), 1);
    this.contentHw = [fit(h), fit(w)];
  }

  /** Pixels of the image to pixels of the model's input. */
  toInput(x: number, y: number): [x: number, y: number] {
    const [h, w] = this.imageHw;
    const [contentH, contentW] = this.contentHw;
    return [x * (contentW / w), y * (contentH / h)];
  }
}
