import { describe, expect, it } from "vitest";
import { PromptError } from "../src/segmenter/errors";
import { packPrompt, type Prompt } from "../src/segmenter/prompts";
import { rank } from "../src/segmenter/ranking";
import { ResizeMap } from "../src/segmenter/resize-map";

const MAP = new ResizeMap([100, 200], 1024);
const pack = (prompt: unknown) => packPrompt(prompt as Prompt, MAP, 4);
const rough = new Float32Array(16).fill(-1);

describe("a prompt", () => {
  it("is packed in pixels of the model's input, points before the box", () => {
    const packed = pack({
      points: [
        { x: 50, y: 25 },
        { x: 100, y: 50, label: 0 },
      ],
      box: [0, 0, 200, 100],
    });
    expect(Array.from(packed.coords)).toEqual([256, 128, 512, 256, 0, 0, 1024, 512]);
    expect(Array.from(packed.labels)).toEqual([1, 0, 2, 3]);
    expect(packed.mask).toBeNull();
  });

  it("of words is what a model reads, and may mean several things", () => {
    const textEmbedding = Float32Array.of(1, 0, 2);
    const packed = packPrompt({ textEmbedding }, MAP, 4, 3);
    expect(Array.from(packed.labels)).toEqual([-1]);
    expect(packed.textEmbedding).toEqual(textEmbedding);
    expect(packed.ambiguous).toBe(true);
    const pointed = packPrompt({ textEmbedding, points: [{ x: 1, y: 2 }] }, MAP, 4, 3);
    expect(pointed.ambiguous).toBe(false);
    expect(pack({ points: [{ x: 1, y: 2 }] }).textEmbedding).toBeNull();
    expect(() => pack({ textEmbedding })).toThrow("has not learned to read text");
    expect(() => packPrompt({ textEmbedding }, MAP, 4, 2)).toThrow("must be 2 numbers, not 3");
    const nothing = new Float32Array(3);
    expect(() => packPrompt({ textEmbedding: nothing }, MAP, 4, 3)).toThrow("says nothing");
  });

  it("of nothing but a mask gets the padding point that the decoder wants", () => {
    const packed = pack({ mask: rough });
    expect(Array.from(packed.labels)).toEqual([-1]);
    expect(packed.mask).toEqual(rough);
    expect(packed.mask).not.toBe(rough); // it will be moved; the caller keeps its own
  });

  it.each<[string, Prompt, boolean]>([
    ["one object point", { points: [{ x: 1, y: 2 }] }, true],
    ["one background point", { points: [{ x: 1, y: 2, label: 0 }] }, false],
    [
      "two points",
      {
        points: [
          { x: 1, y: 2 },
          { x: 3, y: 4 },
        ],
      },
      false,
    ],
    ["a box", { box: [1, 2, 3, 4] }, false],
    ["a point and a mask", { points: [{ x: 1, y: 2 }], mask: rough }, false],
    ["a mask", { mask: rough }, false],
  ])("of %s: ambiguous?", (_, prompt, ambiguous) => {
    expect(pack(prompt).ambiguous).toBe(ambiguous);
  });

  it("may touch the image's edge, and a box may be a pixel beyond it", () => {
    expect(() => pack({ points: [{ x: 200, y: 100 }], box: [-1, -1, 201, 101] })).not.toThrow();
  });

  it.each<[string, unknown, string]>([
    ["nothing", {}, "the prompt is empty: give a point, a box or a mask"],
    ["no points", { points: [] }, "empty"],
    [
      "a point outside",
      { points: [{ x: 200.5, y: 3 }] },
      "the point 200.5,3 lies outside the image, which is 200×100 (width×height)",
    ],
    ["a point before", { points: [{ x: 3, y: -1 }] }, "the point 3,-1 lies outside"],
    ["NaN", { points: [{ x: NaN, y: 3 }] }, "points contain a number that is not finite"],
    ["text", { points: [{ x: "3", y: 3 }] }, "points contain a number that is not finite"],
    ["too large", { box: [0, 0, 2e6, 5] }, "boxes contain a number beyond ±1000000"],
    ["a label of 2", { points: [{ x: 1, y: 1, label: 2 }] }, "labels must be 1"],
    ["a box reversed", { box: [9, 2, 5, 4] }, "the box 9,2,5,4 must be X0,Y0,X1,Y1"],
    ["a box outside", { box: [201, 2, 205, 4] }, "the box 201,2,205,4 lies outside the image"],
    ["a box that touches", { box: [200, 2, 201, 4] }, "the box 200,2,201,4 lies outside the image"],
    ["a box that leaves", { box: [-5, 2, 9, 4] }, "what of it lies inside is 0,2,9,4"],
    ["a box below", { box: [5, 2, 9, 101.5] }, "the box 5,2,9,101.5 leaves the image, which is"],
    ["a line", { box: [5, 2, 5, 4] }, "the box 5,2,5,4 has no area; a place is a point"],
    ["a dot", { box: [5, 4, 5, 4] }, "has no area"],
    ["three corners", { box: [1, 2, 3] }, "a box is four numbers X0, Y0, X1, Y1, not 3"],
    ["an infinite box", { box: [1, 2, 3, Infinity] }, "not finite"],
    ["a small mask", { mask: new Float32Array(9) }, "a mask must be 4×4 low-resolution logits"],
    ["bytes", { mask: new Uint8Array(16) }, "a mask must be 4×4 low-resolution logits"],
    ["a mask of NaN", { mask: new Float32Array(16).fill(NaN) }, "masks contain a number"],
  ])("is refused with %s", (_, prompt, message) => {
    expect(() => pack(prompt)).toThrow(PromptError);
    expect(() => pack(prompt)).toThrow(message);
  });
});

describe("the mask tokens of an answer", () => {
  const iou = [0.99, 0.5, 0.9, 0.7];

  it.each<[boolean, boolean | undefined, number[]]>([
    [true, undefined, [2, 3, 1]],
    [false, undefined, [0]],
    [true, false, [0]],
    [false, true, [2, 3, 1]],
  ])("ambiguous %s, multimaskOutput %s: %j", (ambiguous, multimaskOutput, tokens) => {
    expect(rank(iou, ambiguous, multimaskOutput)).toEqual(tokens);
  });

  it("keep their order where they are equal", () => {
    expect(rank([1, 0.5, 0.5, 0.5], true, undefined)).toEqual([1, 2, 3]);
  });

  it("are no choice where there is one", () => {
    expect(rank([0.5], true, undefined)).toEqual([0]);
    expect(() => rank([0.5], true, true)).toThrow("one mask a prompt");
  });
});
