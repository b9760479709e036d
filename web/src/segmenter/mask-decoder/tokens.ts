// A prompt's points as tokens, and where positions are (anymask/models/prompt_encoder.py).

import type { Tensors } from "../kernels/tensors";
import { OUTPUTS } from "./config";

const [BACKGROUND, OBJECT] = [0, 1]; // labels; 2 and 3 are a box's corners, negative ones nothing

export class Tokens {
  private readonly gaussian: Float32Array;
  private readonly outputs: Float32Array;
  private readonly points: Float32Array;
  private readonly notAPoint: Float32Array;

  /** Throws ModelError. */
  constructor(
    tensors: Tensors,
    private readonly channels: number,
    private readonly inputPx: number,
  ) {
    this.gaussian = tensors.numbers("gaussian");
    this.outputs = tensors.numbers("outputs");
    this.points = tensors.numbers("points");
    this.notAPoint = tensors.numbers("not_a_point");
  }

  /** (T, C): those of outputs, then a prompt's, points (N, 2) in pixels of the model's input. */
  of(coords: Float32Array, labels: Float32Array): Float32Array {
    const { channels } = this;
    const there = Array.from(labels.keys()).filter((i) => labels[i] >= 0);
    const clicks = there.filter((i) => labels[i] === BACKGROUND || labels[i] === OBJECT);
    const isOpen = clicks.length > 0 && clicks.length === there.length; // no box closes it
    const all = new Float32Array((OUTPUTS + there.length + Number(isOpen)) * channels);
    all.set(this.outputs);
    for (const [row, i] of there.entries()) {
      const token = all.subarray((OUTPUTS + row) * channels, (OUTPUTS + row + 1) * channels);
      const [x, y] = [coords[2 * i], coords[2 * i + 1]].map((at) => (at + 0.5) / this.inputPx);
      this.place(x, y, token, 1);
      const meaning = this.points.subarray(labels[i] * channels);
      for (let j = 0; j < channels; j++) token[j] += meaning[j];
    }
    if (isOpen) all.set(this.notAPoint, all.length - channels);
    return all;
  }

  /** Positions of a grid, a map (C, side, side). */
  grid(side: number): Float32Array {
    const map = new Float32Array(this.channels * side * side);
    for (let y = 0, at = 0; y < side; y++) {
      for (let x = 0; x < side; x++, at++) {
        this.place((x + 0.5) / side, (y + 0.5) / side, map.subarray(at), side * side);
      }
    }
    return map;
  }

  /** Sines and cosines of a place in the unit square, `pitch` apart. */
  private place(x: number, y: number, to: Float32Array, pitch: number): void {
    const half = this.channels / 2;
    for (let i = 0; i < half; i++) {
      const turns = (2 * x - 1) * this.gaussian[i] + (2 * y - 1) * this.gaussian[half + i];
      to[i * pitch] = Math.sin(2 * Math.PI * turns);
      to[(half + i) * pitch] = Math.cos(2 * Math.PI * turns);
    }
  }
}
