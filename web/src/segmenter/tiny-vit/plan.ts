// A TinyViT as steps over one memory: where each map lies, and what is computed of it in turn.
//
// Maps are (h, w, c), tokens the rows of one. The steps are those of kernels/steps.ts; layers and
// their names are those of anymask/models/tiny_vit.py.

import type { Tensors } from "../kernels/tensors";
import { BYTES, Rooms } from "../kernels/rooms";
import type { Step } from "../kernels/thread";
import { type Placed, Weights } from "../kernels/weights";
import { KNOWN_BYTES, type Part, type Reach } from "./repeated";

const EPS = 1e-5; // of the norms inside, and of the neck's:
const NECK_EPS = 1e-6;
const ROWS = 64; // of a part of a step
const WINDOWS = 32;

/** As `TinyViTConfig` has it. */
export interface TinyViTConfig {
  readonly widths: readonly number[];
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly windows: readonly number[];
  readonly merge_strides: readonly number[];
  readonly image_px: number;
  readonly expand_ratio: number;
  readonly mlp_ratio: number;
  readonly out_channels: number;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly weights: Placed;
  /** Where what is used together by all ends, and what each thread needs besides. */
  readonly end: number;
  readonly scratchBytes: number;
  readonly parts: readonly Part[];
  /** The image (S, S, 3) and the embedding (h, w, C). */
  readonly input: number;
  readonly output: number;
  readonly side: number;
  readonly grid: number;
  readonly channels: number;
}

export function plan(config: TinyViTConfig, tensors: Tensors, start: number): Plan {
  const rooms = new Rooms(start);
  return new Planner(config, new Weights(tensors, rooms), rooms).plan();
}

class Planner {
  private readonly steps: Step[] = [];
  private readonly parts: Part[] = [];
  private scratch = 0; // numbers of it
  private readonly zeros: number;

  constructor(
    private readonly config: TinyViTConfig,
    private readonly weights: Weights,
    private readonly rooms: Rooms,
  ) {
    const { widths, image_px, expand_ratio } = config;
    const row = (image_px / 4) * Math.max(widths[0] * expand_ratio, widths[1]);
    this.zeros = this.room(row);
  }

  plan(): Plan {
    const { config } = this;
    const { widths, depths, image_px: side } = config;
    const input = this.room(side * side * 3);
    // Two maps take turns; a third is for what is wider.
    const largest = Math.max((side / 2) ** 2 * (widths[0] / 2), (side / 4) ** 2 * widths[1]);
    let [x, other] = [this.room(largest), this.room(largest)];
    const wide = this.room(Math.max(...widths.map((c, i) => 3 * c * this.grid(i) ** 2)));
    this.convolve("patch_embed.seq.0", input, side, 3, 2, widths[0] / 2, 1, other);
    this.convolve("patch_embed.seq.2", other, side / 2, widths[0] / 2, 2, widths[0], 0, x);
    for (const [i, depth] of depths.entries()) {
      for (let j = 0; j < depth; j++) {
        const name = `layers.${i}.blocks.${j}`;
        if (i === 0) this.invert(name, x, other);
        else this.attend(name, i, x, wide, other);
        [x, other] = [other, x];
      }
      if (i + 1 === depths.length) continue;
      this.merge(`layers.${i}.downsample`, i, x, other);
      [x, other] = [other, x];
    }
    const grid = this.grid(widths.length - 1);
    this.neck(x, other, widths[widths.length - 1], grid);
    const scratchBytes = BYTES * this.scratch + 4096;
    const { steps, parts } = this;
    const { end } = this.rooms;
    const weights = this.weights.placed;
    const channels = config.out_channels;
    return { steps, parts, weights, input, output: x, side, grid, channels, end, scratchBytes };
  }

  /** The side of a stage's grid. */
  private grid(stage: number): number {
    const strides = this.config.merge_strides.slice(0, stage);
    return this.config.image_px / 4 / strides.reduce((product, stride) => product * stride, 1);
  }

  /** An address for so many numbers. */
  private room(count: number): number {
    return this.rooms.room(count);
  }

  private needs(numbers: number): void {
    this.scratch = Math.max(this.scratch, numbers);
  }

  /** A step to a map (h, w, c), and the copies of the rows that it leaves out. */
  private step(
    [name, ...numbers]: Step,
    [map, w, c]: readonly [map: number, w: number, c: number],
    reach: Reach,
    unit: number,
  ): void {
    const known = this.room(KNOWN_BYTES / BYTES);
    this.parts.push({ known, reach, unit });
    this.steps.push([name, ...numbers, known]);
    this.steps.push(["repeat", map, w * c, known + 4 * BYTES, known + 2 * BYTES]);
  }

  private dense(
    name: string,
    x: number,
    m: number,
    k: number,
    n: number,
    out: number,
    { eps = 0, gelu = false, adds = false, bias = true } = {},
  ): void {
    const by = bias ? this.weights.layer(name) : [this.weights.at(`${name}.weight`), 0];
    const w = Math.sqrt(m);
    const numbers = [x, m, k, eps, by[0], by[1], n, +gelu, +adds, out];
    this.step(["dense", ...numbers], [out, w, n], { kind: "row" }, w);
    this.needs(ROWS * (k + n));
  }

  private convolve(
    name: string,
    x: number,
    side: number,
    c: number,
    stride: number,
    n: number,
    gelu: number,
    out: number,
    bias = true,
  ): void {
    const by = bias ? this.weights.layer(name) : [this.weights.at(`${name}.weight`), 0];
    const across = side / stride;
    const numbers = [x, side, side, c, stride, ...by, n, gelu, this.zeros, out];
    this.step(["convolution", ...numbers], [out, across, n], { kind: "near", stride }, across);
    this.needs(WINDOWS * (9 * c + 3));
  }

  private depthwise(
    name: string,
    x: number,
    side: number,
    c: number,
    stride: number,
    gelu: number,
    out: number,
  ): void {
    const by = this.weights.layer(name);
    const numbers = [x, side, side, c, stride, ...by, gelu, this.zeros, out];
    this.step(["depthwise", ...numbers], [out, side / stride, c], { kind: "near", stride }, 1);
  }

  /** MBConv. */
  private invert(name: string, x: number, out: number): void {
    const { widths, expand_ratio } = this.config;
    const [c, side] = [widths[0], this.grid(0)];
    const hidden = c * expand_ratio;
    const by = ["conv1", "conv2", "conv3"].flatMap((one) => this.weights.layer(`${name}.${one}`));
    const numbers = [x, side, side, c, hidden, ...by, this.zeros, out];
    this.step(["mbconv", ...numbers], [out, side, c], { kind: "near", stride: 1 }, 1);
    this.needs(4 * side * hidden + ROWS * hidden);
  }

  /** PatchMerging; the answer is in the other map. */
  private merge(name: string, stage: number, x: number, other: number): void {
    const { widths, merge_strides } = this.config;
    const [side, stride] = [this.grid(stage), merge_strides[stage]];
    const [c, n, next] = [widths[stage], widths[stage + 1], (side / stride) ** 2];
    this.dense(`${name}.conv1`, x, side * side, c, n, other, { gelu: true });
    this.depthwise(`${name}.conv2`, other, side, n, stride, 1, x);
    this.dense(`${name}.conv3`, x, next, n, n, other);
  }

  /** TinyViTBlock. */
  private attend(name: string, stage: number, x: number, qkv: number, out: number): void {
    const { widths, heads, windows, mlp_ratio } = this.config;
    const [c, side, count, window] = [
      widths[stage],
      this.grid(stage),
      heads[stage],
      windows[stage],
    ];
    const [m, hidden] = [side * side, c * mlp_ratio];
    this.dense(`${name}.attn.qkv`, x, m, c, 3 * c, qkv, { eps: EPS });
    const fill = this.weights.at(`${name}.attn.fill`);
    const bias = this.weights.keep(
      pairBiases(this.weights.tensors.numbers(`${name}.attn.biases`), count, window),
    );
    const numbers = [qkv, side, side, c, count, window, fill, bias, out];
    const reach = { kind: "window", side: window } as const;
    this.step(["attention", ...numbers], [out, side, c], reach, 1 / window);
    const n = window * window + 7;
    this.needs(n * (3 * (c / count) + 2 + 8) + 256);
    this.dense(`${name}.attn.proj`, out, m, c, c, x, { adds: true });
    this.depthwise(`${name}.local_conv`, x, side, c, 1, 0, out);
    const by = ["fc1", "fc2"].flatMap((one) => this.weights.layer(`${name}.mlp.${one}`));
    this.step(["mlp", out, m, c, hidden, EPS, ...by], [out, side, c], { kind: "row" }, side);
    this.needs(2 * ROWS * hidden);
  }

  private neck(x: number, other: number, c: number, grid: number): void {
    const n = this.config.out_channels;
    this.dense("neck.0", x, grid * grid, c, n, other, { bias: false });
    this.normalise("neck.1", other, grid * grid, n);
    this.convolve("neck.2", other, grid, n, 1, n, 0, x, false);
    this.normalise("neck.3", x, grid * grid, n);
  }

  private normalise(name: string, x: number, m: number, c: number): void {
    this.steps.push(["normalise", x, m, c, NECK_EPS, ...this.weights.layer(name)]);
  }
}

/**
 * The bias of every pair of tokens in a window, of what a head has for every offset (H, s·s), as
 * kernels/attention.ts reads it: [H][panel of 8 queries][keys][8].
 */
export function pairBiases(offsets: Float32Array, heads: number, side: number): Float32Array {
  const n = side * side;
  const panels = Math.ceil(n / 8);
  const all = new Float32Array(heads * panels * n * 8);
  for (let head = 0, at = 0; head < heads; head++) {
    const own = offsets.subarray(head * n, (head + 1) * n);
    for (let panel = 0; panel < panels; panel++) {
      for (let key = 0; key < n; key++) {
        const [ky, kx] = [Math.floor(key / side), key % side];
        for (let query = panel * 8; query < panel * 8 + 8; query++, at++) {
          if (query >= n) continue;
          const [y, x] = [Math.floor(query / side), query % side];
          all[at] = own[Math.abs(y - ky) * side + Math.abs(x - kx)];
        }
      }
    }
  }
  return all;
}
