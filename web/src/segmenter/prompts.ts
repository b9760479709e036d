// What to segment: checked, and packed as the decoder takes it (anymask/core/prompts.py).

import { PromptError } from "./errors";
import type { ResizeMap, SizeHw } from "./resize-map";

const BACKGROUND = 0;
const OBJECT = 1;
const BOX_TOP_LEFT = 2;
const BOX_BOTTOM_RIGHT = 3;
const PADDING = -1;
const LARGEST_NUMBER = 1e6; // no image is as wide and no logit as large; beyond, a model overflows
const BOX_MARGIN_PX = 1; // that a box may leave the image by: detectors round and count differently

/** A click at a pixel of the original image. */
export interface Point {
  readonly x: number;
  readonly y: number;
  /** 1 belongs to the object, 0 to the background; 1 where not given. */
  readonly label?: 0 | 1;
}

/** Upper left and lower right corner in pixels of the original image; a box has an area. */
export type BoxXyxy = readonly [x0: number, y0: number, x1: number, y1: number];

/** One question about one image. It may lack any of these but not all. */
export interface Prompt {
  readonly points?: readonly Point[];
  readonly box?: BoxXyxy;
  /** Low-resolution logits of an earlier answer, row by row, to be refined. */
  readonly mask?: Float32Array;
  /** What a text encoder says of the words, for a model that has learned to read it. */
  readonly textEmbedding?: Float32Array;
}

/** A prompt as the decoder takes it: N points, in pixels of the model's input. */
export interface PackedPrompt {
  readonly coords: Float32Array; // N × 2
  readonly labels: Float32Array; // N
  readonly mask: Float32Array<ArrayBuffer> | null; // a copy, to be moved to the worker
  readonly textEmbedding: Float32Array | null;
  /** One object point or words, and nothing else, may well mean several things. */
  readonly ambiguous: boolean;
}

/**
 * Check a prompt and pack it. `textWidth`: numbers of an embedding of text that the model reads, 0
 * for none. Throws PromptError with the numbers that are wrong.
 */
export function packPrompt(
  prompt: Prompt,
  map: ResizeMap,
  maskSide: number,
  textWidth = 0,
): PackedPrompt {
  const { points = [], box, mask, textEmbedding } = prompt;
  if (!points.length && !box && !mask && !textEmbedding) {
    throw new PromptError("the prompt is empty: give a point, a box or a mask");
  }
  const coords: number[] = [];
  const labels: number[] = [];
  const add = (x: number, y: number, label: number) => {
    coords.push(...map.toInput(x, y));
    labels.push(label);
  };
  for (const point of points) {
    checkPoint(point, map.imageHw);
    add(point.x, point.y, point.label ?? OBJECT);
  }
  if (box) {
    checkBox(box, map.imageHw);
    add(box[0], box[1], BOX_TOP_LEFT);
    add(box[2], box[3], BOX_BOTTOM_RIGHT);
  }
  if (mask) checkMask(mask, maskSide);
  if (textEmbedding) checkText(textEmbedding, textWidth);
  const point = labels.length === 1 && labels[0] === OBJECT;
  const ambiguous = (textEmbedding ? !labels.length : point) && !mask;
  if (!labels.length) add(0, 0, PADDING); // the decoder wants a point; this one changes nothing
  return {
    coords: Float32Array.from(coords),
    labels: Float32Array.from(labels),
    mask: mask ? new Float32Array(mask) : null,
    textEmbedding: textEmbedding ?? null,
    ambiguous,
  };
}

function checkPoint({ x, y, label = OBJECT }: Point, [height, width]: SizeHw): void {
  checkNumbers("points", [x, y]);
  if (label !== OBJECT && label !== BACKGROUND) {
    throw new PromptError(`labels must be 1 (object) or 0 (background), not ${label}`);
  }
  if (x < 0 || y < 0 || x > width || y > height) {
    throw new PromptError(
      `the point ${x},${y} lies outside the image, which is ${width}×${height} (width×height); ` +
        "points are pixels x,y",
    );
  }
}

function checkBox(box: BoxXyxy, [height, width]: SizeHw): void {
  if (box.length !== 4) {
    throw new PromptError(
      `a box is four numbers X0, Y0, X1, Y1, not ${(box as readonly number[]).length}`,
    );
  }
  checkNumbers("boxes", box);
  const [x0, y0, x1, y1] = box;
  const what = `the box ${box.join()}`;
  if (x0 > x1 || y0 > y1) {
    throw new PromptError(`${what} must be X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1`);
  }
  if (x0 === x1 || y0 === y1) {
    throw new PromptError(`${what} has no area; a place is a point`);
  }
  const size = `the image, which is ${width}×${height} (width×height)`;
  const clip = (at: number, side: number) => Math.min(Math.max(at, 0), side);
  const inside = [clip(x0, width), clip(y0, height), clip(x1, width), clip(y1, height)];
  if (inside[0] >= inside[2] || inside[1] >= inside[3]) {
    throw new PromptError(`${what} lies outside ${size}`);
  }
  if (box.some((at, i) => Math.abs(at - inside[i]) > BOX_MARGIN_PX)) {
    throw new PromptError(`${what} leaves ${size}; what of it lies inside is ${inside.join()}`);
  }
}

function checkMask(mask: Float32Array, side: number): void {
  if (!(mask instanceof Float32Array) || mask.length !== side * side) {
    throw new PromptError(
      `a mask must be ${side}×${side} low-resolution logits, as an earlier answer has them, ` +
        `not ${mask.length} numbers`,
    );
  }
  checkNumbers("masks", mask);
}

function checkText(embedding: Float32Array, width: number): void {
  if (!width) throw new PromptError("this model has not learned to read text");
  if (!(embedding instanceof Float32Array) || embedding.length !== width) {
    throw new PromptError(`a text embedding must be ${width} numbers, not ${embedding.length}`);
  }
  checkNumbers("text embeddings", embedding);
  if (embedding.every((value) => value === 0)) {
    throw new PromptError("a text embedding that is all zeros says nothing");
  }
}

function checkNumbers(name: string, numbers: ArrayLike<number>): void {
  for (let i = 0; i < numbers.length; i++) {
    if (!Number.isFinite(numbers[i])) {
      throw new PromptError(`${name} contain a number that is not finite`);
    }
    if (Math.abs(numbers[i]) > LARGEST_NUMBER) {
      throw new PromptError(`${name} contain a number beyond ±${LARGEST_NUMBER}`);
    }
  }
}
