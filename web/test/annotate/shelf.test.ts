import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { describe, expect, it, vi } from "vitest";
import type { Action } from "../../src/annotate/api/types";
import { Draft, type DraftStep } from "../../src/annotate/document/draft";
import { NO_EFFORT } from "../../src/annotate/document/effort";
import { IndexedShelf } from "../../src/annotate/document/indexed-shelf";
import { MemoryShelf } from "../../src/annotate/document/memory-shelf";
import type { Shelf } from "../../src/annotate/document/shelf";

vi.stubGlobal("IDBKeyRange", IDBKeyRange);

const action = (id: string): Action => ({
  id,
  kind: "add",
  target: null,
  at: "2026-01-01T00:00:00+00:00",
  changes: [],
  effort: NO_EFFORT,
});

const step = (x: number): DraftStep => ({
  maskId: null,
  points: [{ x, y: 2, label: 1 }],
  box: null,
  chosen: null,
  segmentation: null,
  logits: Float32Array.of(x, -x),
  predictedIou: 0.5,
  source: "model",
  labelId: null,
  group: null,
  effort: NO_EFFORT,
});

const SHELVES: [string, () => Promise<Shelf>][] = [
  ["in memory", async () => new MemoryShelf()],
  ["in the browser's database", () => IndexedShelf.open("test", new IDBFactory())],
];

const ids = async (shelf: Shelf, imageId: number) =>
  (await shelf.actions(imageId)).map(({ action }) => action.id);

describe.each(SHELVES)("a shelf %s", (_, open) => {
  it("keeps actions in their order, by image, until they are removed", async () => {
    const shelf = await open();
    await Promise.all(["a", "b", "c"].map((id) => shelf.putAction(1, action(id), false)));
    await shelf.putAction(2, action("d"), false);
    expect(await ids(shelf, 1)).toEqual(["a", "b", "c"]);
    expect((await shelf.imagesWaiting()).sort()).toEqual([1, 2]);
    const [first, second] = await shelf.actions(1);
    expect(second.key).toBeGreaterThan(first.key);
    await shelf.removeActions([first.key, (await shelf.actions(2))[0].key]);
    expect([await ids(shelf, 1), await shelf.imagesWaiting()]).toEqual([["b", "c"], [1]]);
  });

  it("puts other actions in the place of an image's", async () => {
    const shelf = await open();
    for (const id of ["a", "b"]) await shelf.putAction(1, action(id), false);
    await shelf.putAction(2, action("c"), false);
    const [keys] = await Promise.all([
      shelf.replaceActions(1, [action("x"), action("y")]),
      shelf.putAction(1, action("z"), false),
    ]);
    expect((await shelf.actions(1)).map(({ key }) => key).slice(0, 2)).toEqual(keys);
    expect(await ids(shelf, 1)).toEqual(["x", "y", "z"]);
    expect(await ids(shelf, 2)).toEqual(["c"]);
  });

  it("keeps a draft's steps with their arrays, and where it stands", async () => {
    const shelf = await open();
    expect(await shelf.draft(1)).toEqual({ steps: [], at: 0 });
    for (const i of [0, 1, 2]) await shelf.putDraftStep(1, i, step(i));
    await shelf.moveDraft(1, 1);
    await shelf.putDraftStep(2, 0, step(9));
    expect(await shelf.draft(1)).toEqual({ steps: [0, 1, 2].map(step), at: 1 });
    await shelf.putDraftStep(1, 1, step(7));
    expect(await shelf.draft(1)).toEqual({ steps: [step(0), step(7)], at: 2 });
    await shelf.endDraft(1);
    expect(await shelf.draft(1)).toEqual({ steps: [], at: 0 });
    expect((await shelf.draft(2)).at).toBe(1);
  });

  it("ends a draft with the action that accepts it", async () => {
    const shelf = await open();
    await shelf.putDraftStep(1, 0, step(0));
    await shelf.putAction(1, action("a"), false);
    expect((await shelf.draft(1)).at).toBe(1);
    await shelf.putAction(1, action("b"), true);
    expect((await shelf.draft(1)).steps).toEqual([]);
  });
});

it("another page finds what was kept, and another project does not", async () => {
  const databases = new IDBFactory();
  const shelf = await IndexedShelf.open("one", databases);
  await shelf.putAction(1, action("a"), false);
  await shelf.putDraftStep(1, 0, step(3));
  shelf.close();
  const again = await IndexedShelf.open("one", databases);
  expect(await ids(again, 1)).toEqual(["a"]);
  expect((await again.draft(1)).steps).toEqual([step(3)]);
  expect(await (await IndexedShelf.open("two", databases)).imagesWaiting()).toEqual([]);
});

describe("a draft", () => {
  const fresh = (shelf: Shelf, kept = { steps: [] as DraftStep[], at: 0 }) =>
    new Draft(1, shelf, kept);

  it("goes forward, back to nothing, and forward again; a new step ends what was undone", async () => {
    const draft = fresh(new MemoryShelf());
    draft.push(step(0));
    draft.push(step(1));
    expect([draft.undo(), draft.undo(), draft.undo()]).toEqual([true, true, false]);
    expect(draft.value).toMatchObject({ step: null, canUndo: false, isKept: true });
    expect(draft.value.undone).toEqual(step(0));
    expect([draft.redo(), draft.value.step]).toEqual([true, step(0)]);
    draft.push(step(5));
    expect([draft.redo(), draft.value.step]).toEqual([false, step(5)]);
  });

  it("stands after a reload where it stood", async () => {
    const shelf = await IndexedShelf.open("draft", new IDBFactory());
    const draft = fresh(shelf);
    [0, 1, 2].forEach((x) => draft.push(step(x)));
    draft.undo();
    const kept = await shelf.draft(1);
    const again = new Draft(1, shelf, kept);
    expect(again.value).toMatchObject({ step: step(1), canUndo: true, isKept: true });
    expect(again.value.undone).not.toBeNull();
    again.discard();
    expect(again.value.step).toBeNull();
    expect((await shelf.draft(1)).steps).toEqual([]);
  });

  it("says when the browser does not keep it", async () => {
    const shelf = new MemoryShelf();
    vi.spyOn(shelf, "putDraftStep").mockRejectedValue(new Error("full"));
    const draft = fresh(shelf);
    draft.push(step(0));
    await vi.waitFor(() => expect(draft.value.isKept).toBe(false));
    expect(draft.value.step).toEqual(step(0));
  });
});
