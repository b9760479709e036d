import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Action, ImageDocument } from "../../src/annotate/api/types";
import { EffortClock } from "../../src/annotate/document";
import { Draft } from "../../src/annotate/document/draft";
import { MemoryShelf } from "../../src/annotate/document/memory-shelf";
import { OpenImage } from "../../src/annotate/document/open-image";
import { Versions } from "../../src/annotate/document/versions";
import { Drafting } from "../../src/annotate/workspace/drafting";
import type { Model } from "../../src/annotate/workspace/model";
import { brushStroke, decodeRle, encodeRle, type Region, subtract } from "../../src/regions";
import type { Mask, Prompt } from "../../src/segmenter";

const SIZE = { width: 64, height: 48 };
const DOCUMENT: ImageDocument = {
  ...{ id: 1, name: "a.jpg", ...SIZE, state: "new", revision: 0, lease: null, annotator: null },
  ...{
    updated_at: "2026-11-27T00:00:00Z",
    fault: null,
    file: "a file",
    is_replaced: false,
    masks: [],
    suggestions: 0,
    log: [],
    notes: [],
    is_audited: false,
  },
};

/** A square of the image as the model answers. */
function answer(side: number, predictedIou: number): Mask {
  const pixels = new Uint8Array(SIZE.width * SIZE.height);
  for (let y = 0; y < side; y++) pixels.fill(1, y * SIZE.width, y * SIZE.width + side);
  const box = [0, 0, side, side] as const;
  return { pixels, ...SIZE, area: side * side, box, predictedIou, logits: Float32Array.of(side) };
}

let sent: Action[];
let prompts: Prompt[];
let image: OpenImage<Region>;
let drafting: Drafting;
let errors: string[];
let respond: () => Promise<{ masks: Mask[] }>;

function start(draft = new Draft(1, new MemoryShelf(), { steps: [], at: 0 })): void {
  image = new OpenImage(DOCUMENT, [], {
    annotator: "Ada",
    versions: new Versions({ encode: encodeRle, decode: decodeRle }, async () => []),
    draft,
    sink: { put: (_, action) => sent.push(action) },
  });
  const segmenter = {
    predict: (_: unknown, prompt: Prompt) => (prompts.push(prompt), respond()),
    rough: () => Float32Array.of(-1),
  };
  const model = { ready: Promise.resolve(segmenter), open: async () => ({}) } as unknown as Model;
  const clock = new EffortClock({ modelId: "toy" });
  drafting = new Drafting(image, SIZE, model, clock, ({ message }) => errors.push(message));
}

beforeEach(() => {
  [sent, prompts, errors] = [[], [], []];
  respond = async () => ({ masks: [answer(20, 0.9), answer(30, 0.8), answer(10, 0.7)] });
  start();
});

const now = () => drafting.state.value;
const settled = () => vi.waitFor(() => expect(now().isAsking).toBe(false));

describe("questions", () => {
  it("a click has three answers by size, of which the surest is chosen", async () => {
    drafting.click(3, 4, 1);
    expect(now()).toMatchObject({ isAsking: true, points: [{ x: 3, y: 4, label: 1 }] });
    await settled();
    expect(now().answers.map(({ name }) => name)).toEqual(["whole", "part", "subpart"]);
    expect(now().chosen).toBe(1);
    expect(now().region!.area).toBe(400);
    drafting.next(1);
    expect(now().region!.area).toBe(100);
    drafting.next(1);
    expect(now().region!.area).toBe(900);
  });

  it("a click where the pointer was has the answer of that", async () => {
    expect(await drafting.glanceAt(3, 4)).toHaveLength(3);
    drafting.click(3, 4, 1);
    await settled();
    expect(now().region!.area).toBe(400);
    expect(prompts).toHaveLength(1);
    drafting.click(3, 4, 1); // another question, though at the same place
    await settled();
    expect(prompts).toHaveLength(2);
  });

  it("a click elsewhere, or of which the pointer's answer fails, is asked about", async () => {
    await drafting.glanceAt(3, 4);
    drafting.click(5, 4, 1);
    await settled();
    expect(prompts.map(({ points }) => points![0].x)).toEqual([3, 5]);
    drafting.discard();
    respond = () => Promise.reject(new Error("another place is asked about"));
    expect(await drafting.glanceAt(6, 4)).toBeNull();
    respond = async () => ({ masks: [answer(20, 0.9)] });
    drafting.click(6, 4, 1);
    await settled();
    expect(now().region!.area).toBe(400);
    expect(errors).toEqual([]);
  });

  it("the next click brings the chosen answer's logits along", async () => {
    drafting.click(3, 4, 1);
    await settled();
    drafting.next(1);
    respond = async () => ({ masks: [answer(12, 0.95)] });
    drafting.click(8, 8, 0);
    await settled();
    expect(prompts[1].points).toHaveLength(2);
    expect(prompts[1].mask).toEqual(Float32Array.of(10));
    expect(now().answers).toHaveLength(1);
  });

  it("two quick clicks are one question of both", async () => {
    drafting.click(3, 4, 1);
    drafting.click(5, 4, 1);
    await settled();
    expect(prompts.at(-1)!.points).toHaveLength(2);
    expect(now().points).toHaveLength(2);
  });

  it("nothing is taken away from nothing", () => {
    drafting.click(3, 4, 0);
    expect(now().isAsking).toBe(false);
  });

  it("an error is told, and what was there stays", async () => {
    drafting.click(3, 4, 1);
    await settled();
    respond = () => Promise.reject(new Error("the worker stopped"));
    drafting.box([1, 1, 9, 9]);
    await settled();
    expect(errors).toEqual(["the worker stopped"]);
    expect(now()).toMatchObject({ box: null, points: [{ x: 3, y: 4 }] });
    expect(now().region!.area).toBe(400);
  });
});

describe("the hand", () => {
  const stroke = () => brushStroke(SIZE, [{ x: 30, y: 30 }], 8);

  it("a stroke is a mask by itself; a click after it brings it to the model", async () => {
    drafting.edit(stroke(), "brush");
    drafting.click(30, 30, 1);
    await settled();
    expect(prompts[0].mask).toEqual(Float32Array.of(-1));
    expect(prompts[0].box).toBeUndefined();
  });

  it("a mask that is gone on with brings its box to the model", async () => {
    drafting.refine(image.add({ region: stroke(), source: "model" }));
    drafting.click(30, 30, 0);
    await settled();
    expect(prompts[0]).toMatchObject({ box: stroke().box, mask: Float32Array.of(-1) });
    drafting.click(33, 30, 1);
    await settled();
    expect(prompts[1]).toMatchObject({ mask: Float32Array.of(20) });
    expect(prompts[1].box).toBeUndefined();
  });

  it("rubbing a refined mask out deletes it", () => {
    const id = image.add({ region: stroke(), source: "brush" });
    drafting.refine(id);
    expect(now()).toMatchObject({ maskId: id });
    drafting.edit(subtract(stroke(), stroke()), "brush");
    expect(drafting.accept(null)).toBeNull();
    expect(image.value.masks).toEqual([]);
  });
});

describe("the end", () => {
  it("accepting makes a mask with what it took, and starts anew", async () => {
    drafting.click(3, 4, 1);
    await settled();
    const id = drafting.accept(7)!;
    expect(image.mask(id)!.version).toMatchObject({ label_id: 7, area: 400, predicted_iou: 0.9 });
    expect(sent[0].effort).toMatchObject({ clicks_add: 1, chosen: 1, model_id: "toy" });
    expect(drafting.isEmpty).toBe(true);
    expect(now()).toMatchObject({ points: [], region: null, answers: [] });
  });

  it("a question without its answer is accepted with it, and what is done meanwhile is after it", async () => {
    drafting.click(3, 4, 1);
    expect(drafting.accept(7)).toBeNull();
    expect(sent).toEqual([]);
    drafting.click(9, 9, 1);
    await vi.waitFor(() => expect(sent).toHaveLength(1));
    await settled();
    expect(sent[0].changes[0].after).toMatchObject({ label_id: 7, area: 400 });
    expect(prompts.map(({ points }) => points)).toEqual([
      [{ x: 3, y: 4, label: 1 }],
      [{ x: 9, y: 9, label: 1 }],
    ]);
    expect(now().points).toEqual([{ x: 9, y: 9, label: 1 }]);
  });

  it("giving up ends that, too", async () => {
    drafting.click(3, 4, 1);
    drafting.accept(null);
    drafting.discard();
    drafting.click(5, 4, 1);
    await settled();
    expect([sent, now().points.length]).toEqual([[], 1]);
  });

  it("undo goes back step by step, redo on again", async () => {
    drafting.click(3, 4, 1);
    await settled();
    respond = async () => ({ masks: [answer(12, 0.95)] });
    drafting.click(8, 8, 1);
    await settled();
    expect(drafting.undo()).toBe(true);
    expect(now().region!.area).toBe(400);
    expect(drafting.undo()).toBe(true);
    expect(drafting.isEmpty).toBe(true);
    expect(drafting.undo()).toBe(false);
    expect(drafting.redo()).toBe(true);
    expect(drafting.redo()).toBe(true);
    expect(now().region!.area).toBe(144);
  });

  it("undo and redo are said in words", async () => {
    drafting.click(3, 4, 1);
    expect(now().undoable).toBe("click");
    await settled();
    drafting.next(1);
    expect(now()).toMatchObject({ undoable: "choice of whole or part", redoable: null });
    drafting.undo();
    expect(now()).toMatchObject({ undoable: "click", redoable: "choice of whole or part" });
    drafting.edit(brushStroke(SIZE, [{ x: 30, y: 30 }], 8), "brush");
    expect(now()).toMatchObject({ undoable: "brush", redoable: null });
    drafting.discard();
    drafting.refine(image.add({ region: brushStroke(SIZE, [{ x: 9, y: 9 }], 4), source: "model" }));
    expect(now().undoable).toBe("go on with mask");
  });

  it("an earlier page's choice of whole, part and subpart is there again", async () => {
    drafting.edit(brushStroke(SIZE, [{ x: 30, y: 30 }], 8), "brush");
    drafting.click(3, 4, 1);
    await settled();
    drafting.next(1); // the subpart
    const [asked] = prompts.splice(0);
    start(image.draft);
    await vi.waitFor(() => expect(now().answers).toHaveLength(3));
    expect(prompts).toEqual([{ ...asked, points: [{ x: 3, y: 4, label: 1 }] }]);
    expect(now()).toMatchObject({ chosen: 2, isAsking: false });
    expect(now().region!.area).toBe(100);
    drafting.next(1);
    expect(now().region!.area).toBe(900);
  });

  it("what an earlier page kept goes on, its effort included", async () => {
    drafting.click(3, 4, 1);
    await settled();
    start(image.draft);
    expect(now().region!.area).toBe(400);
    drafting.accept(null);
    expect(sent.at(-1)!.effort.clicks_add).toBe(1);
  });
});

it("a mask in work is one mask, in however many tabs it is accepted", async () => {
  const shelf = new MemoryShelf();
  start(new Draft(1, shelf, { steps: [], at: 0 }));
  drafting.click(3, 4, 1);
  await settled();
  const kept = await shelf.draft(1);
  const first = drafting.accept(null);
  start(new Draft(1, shelf, kept)); // the other tab, as it was before
  expect(drafting.accept(null)).toBe(first);
  const ids = sent.map(({ changes: [{ mask_id, before }] }) => [mask_id, before]);
  expect(ids).toEqual([
    [first, null],
    [first, null], // of the same mask: a conflict at most
  ]);
});
