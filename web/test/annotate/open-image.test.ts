import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { Action, Version } from "../../src/annotate/api/types";
import { NO_EFFORT } from "../../src/annotate/document/effort";
import { Draft } from "../../src/annotate/document/draft";
import { MemoryShelf } from "../../src/annotate/document/memory-shelf";
import { DocumentError, OpenImage } from "../../src/annotate/document/open-image";
import { Versions } from "../../src/annotate/document/versions";
import { FakeServer } from "./fake-server";
import { CODEC, patch, type Patch } from "./patch";

let server: FakeServer;
let sent: Action[];
let fetched: string[][];

beforeEach(() => {
  server = new FakeServer();
  sent = [];
  fetched = [];
});

/** The image as a page that just came would have it; each action goes to the server at once. */
function open(waiting: readonly Action[] = [], isHeld = true): OpenImage<Patch> {
  const stored = server.image();
  const put = (_: number, action: Action) => {
    sent.push(action);
    stored.act("Ada", [action]);
  };
  const fetchVersions = async (ids: readonly string[]) => {
    fetched.push([...ids]);
    return ids.map((id) => stored.versions.get(id)!);
  };
  return new OpenImage(stored.document(), waiting, {
    annotator: "Ada",
    versions: new Versions(CODEC, fetchVersions),
    draft: new Draft(1, new MemoryShelf(), { steps: [], at: 0 }),
    sink: isHeld ? { put } : null,
  });
}

const add = (image: OpenImage<Patch>, at: number) =>
  image.add({ region: patch(at), source: "model", predictedIou: 0.9 });

const ids = (image: OpenImage<Patch>) => image.value.masks.map(({ id }) => id);

describe("what the engine suggests", () => {
  const KEPT = "00000000-0000-4000-8000-000000000001";
  const OTHER = "00000000-0000-4000-8000-000000000002";

  /** An image with two suggestions, the second the surer. */
  function suggested(): OpenImage<Patch> {
    const scores = { [KEPT]: 0.7, [OTHER]: 0.9 };
    const changes = Object.entries(scores).map(([mask_id, predicted_iou], i) => ({
      mask_id,
      before: null,
      after: {
        ...{ id: mask_id.replace("8000", "9000"), segmentation: CODEC.encode(patch(10 * i)) },
        ...{ bbox: [10 * i, 10 * i, 5, 5] as const, area: 25, label_id: null, group: null },
        ...{ order: 0, source: "detector", predicted_iou, is_suggested: true },
      },
    }));
    const at = "2026-01-01T00:00:00+00:00";
    const facts = { id: "suggestion", target: null, at, effort: NO_EFFORT };
    server.image().act("anymask", [{ ...facts, kind: "suggest", changes }]);
    return open();
  }

  it("is no mask, and comes with the surest first", () => {
    const image = suggested();
    expect(ids(image)).toEqual([]);
    expect(image.value.suggested.map(({ id }) => id)).toEqual([OTHER, KEPT]);
    expect(image.value.undoable).toBeNull();
  });

  it("becomes a mask over the others, or goes, and both are undone", async () => {
    const image = suggested();
    const mine = add(image, 20);
    image.acceptSuggested([KEPT], 7);
    image.rejectSuggested([OTHER]);
    expect(ids(image)).toEqual([mine, KEPT]);
    expect(image.mask(KEPT)!.version).toMatchObject({ label_id: 7, order: 1, source: "detector" });
    expect(sent.map(({ kind }) => kind)).toEqual(["add", "accept", "reject"]);
    await image.undo();
    await image.undo();
    expect(ids(image)).toEqual([mine]);
    expect(image.value.suggested.map(({ id }) => id)).toEqual([OTHER, KEPT]);
  });

  it("becomes a mask where somebody mends it", () => {
    const image = suggested();
    image.edit(KEPT, { region: patch(3), source: "brush" });
    expect(ids(image)).toEqual([KEPT]);
    expect(image.value.suggested.map(({ id }) => id)).toEqual([OTHER]);
  });
});

describe("what can be done to masks", () => {
  it("a new mask lies over the others, and the server has it as it is", () => {
    const image = open();
    const below = add(image, 1);
    const above = image.add({ region: patch(2), source: "brush", labelId: 7, group: "pair" });
    expect(ids(image)).toEqual([below, above]);
    const { version } = image.mask(above)!;
    expect(version).toMatchObject({ label_id: 7, group: "pair", order: 1, predicted_iou: null });
    expect(version).toMatchObject({ bbox: [2, 2, 5, 5], area: 25, source: "brush" });
    expect(server.image().masks.get(above)).toEqual(version);
    expect(image.value.state).toBe("started");
  });

  it("an image from which all is taken back is new again, unless somebody said what it is", async () => {
    const image = open();
    add(image, 1);
    await image.undo();
    expect([image.value.state, server.image().state]).toEqual(["new", "new"]);
    await image.redo();
    expect([image.value.state, server.image().state]).toEqual(["started", "started"]);
    image.setState("done");
    await image.undo();
    expect([image.value.state, server.image().state]).toEqual(["done", "done"]);
  });

  it("a region is the one given, and after a reload what its text says", () => {
    const region = patch(3);
    const id = open().add({ region, source: "model" });
    expect(open().mask(id)!.region).toEqual(region);
  });

  it("an edit keeps label, group and order; an empty one deletes", () => {
    const image = open();
    const id = image.add({ region: patch(1), source: "model", labelId: 3, group: "g" });
    const before = image.mask(id)!.version;
    image.edit(id, { region: patch(8), source: "brush" });
    const after = image.mask(id)!.version;
    expect(after).toMatchObject({ label_id: 3, group: "g", order: 0, bbox: [8, 8, 5, 5] });
    expect(after.id).not.toBe(before.id);
    image.edit(id, { region: patch(0, 0, 0), source: "eraser" });
    expect([ids(image), sent.at(-1)!.kind]).toEqual([[], "delete"]);
  });

  it("merge, split, duplicate", () => {
    const image = open();
    const [a, b, c] = [1, 2, 3].map((at) => add(image, at));
    image.merge([a, c], { region: patch(1, 1, 9), source: "merge" });
    expect(ids(image)).toEqual([a, b]);
    expect(image.mask(a)!.version).toMatchObject({ area: 81, predicted_iou: null });
    const parts = image.split(a, [patch(1), patch(0, 0, 0), patch(7), patch(9)], "split");
    expect(parts.length).toBe(3);
    expect(parts[0]).toBe(a);
    expect(ids(image)).toEqual([a, b, ...parts.slice(1)]);
    const [copy] = image.duplicate([b]);
    expect(ids(image).at(-1)).toBe(copy);
    expect(image.mask(copy)!.region).toBe(image.mask(b)!.region);
    expect(sent.map(({ kind }) => kind)).toEqual([
      "add",
      "add",
      "add",
      "merge",
      "split",
      "duplicate",
    ]);
  });

  it("order, label, group; what changes nothing is no action", () => {
    const image = open();
    const [a, b] = [1, 2].map((at) => add(image, at));
    image.reorder([a], "front");
    expect(ids(image)).toEqual([b, a]);
    image.label([a, b], 5);
    image.group([a], "pair");
    const count = sent.length;
    image.reorder([a], "front");
    image.label([a], 5);
    image.setState("started");
    expect(sent.length).toBe(count);
    expect(image.mask(b)!.version).toMatchObject({ label_id: 5, group: null });
  });

  it("what can't be is refused with a line", () => {
    const image = open();
    const id = add(image, 1);
    expect(() => image.add({ region: patch(0, 0, 0), source: "brush" })).toThrow(DocumentError);
    expect(() => image.merge([id], { region: patch(1), source: "merge" })).toThrow("two masks");
    expect(() => image.split(id, [patch(1)], "split")).toThrow("nothing to split");
    expect(() => image.delete(["gone"])).toThrow("this mask is gone");
    expect(() => add(open([], false), 1)).toThrow("only shown");
  });

  it("a new state is no step to undo", async () => {
    const image = open();
    add(image, 1);
    image.setState("done");
    expect(image.value.undoable!.kind).toBe("add");
    await image.undo();
    expect([image.value.state, ids(image)]).toEqual(["done", []]);
  });
});

describe("who looks", () => {
  it("hears which masks are other, and finds the rest the same", () => {
    const image = open();
    const [a, b] = [1, 2].map((at) => add(image, at));
    const [placed] = image.value.masks;
    image.edit(b, { region: patch(9), source: "model" });
    expect([...image.value.changed]).toEqual([b]);
    expect(image.value.masks[0]).toBe(placed);
    image.delete([a]);
    expect([...image.value.changed]).toEqual([a]);
  });

  it("a region is decoded when it is first asked for", () => {
    add(open(), 1);
    let decoded = 0;
    const decode = (segmentation: Version["segmentation"]) => {
      decoded++;
      return CODEC.decode(segmentation);
    };
    const versions = new Versions<Patch>({ ...CODEC, decode }, async () => []);
    const draft = new Draft(1, new MemoryShelf(), { steps: [], at: 0 });
    const options = { annotator: "Ada", versions, draft, sink: null };
    const image = new OpenImage(server.image().document(), [], options);
    expect(decoded).toBe(0);
    const [mask] = image.value.masks;
    expect([mask.region, mask.region].length).toBe(2);
    expect(decoded).toBe(1);
  });
});

describe("undo and redo", () => {
  it("after a reload fetch what they bring back, ahead of time", async () => {
    const image = open();
    const id = add(image, 1);
    image.edit(id, { region: patch(9), source: "model" });
    const before = image.value.undoable!.changes[0].before;
    const reloaded = open();
    expect(fetched).toEqual([[before]]);
    await reloaded.undo();
    expect(reloaded.mask(id)!.region).toEqual(patch(1));
    expect(fetched.length).toBe(1);
    await reloaded.redo();
    expect(reloaded.mask(id)!.region).toEqual(patch(9));
  });

  it("pressed quickly go step by step", async () => {
    const image = open();
    [1, 2, 3].forEach((at) => add(image, at));
    const turns = await Promise.all([image.undo(), image.undo(), image.redo(), image.undo()]);
    expect(turns.map((entry) => entry!.number)).toEqual([3, 2, 2, 2]);
    expect(ids(image).length).toBe(1);
    await Promise.all([image.undo(), image.undo()]);
    expect(await image.undo()).toBeNull();
  });

  it("any work gives what a pile of snapshots gives, on the page, on the server, after reloads", async () => {
    const step = fc.record({
      kind: fc.constantFrom(...KINDS),
      which: fc.array(fc.nat(), { minLength: 2, maxLength: 3 }),
      at: fc.nat(40),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        server = new FakeServer();
        let image = open();
        const snapshots = [shot(image)];
        let now = 0;
        for (const { kind, which, at } of steps) {
          if (kind === "reload") image = open();
          else if (kind === "undo") {
            expect((await image.undo()) !== null).toBe(now > 0);
            now = Math.max(now - 1, 0);
          } else if (kind === "redo") {
            expect((await image.redo()) !== null).toBe(now < snapshots.length - 1);
            now = Math.min(now + 1, snapshots.length - 1);
          } else {
            const count = image.value.log.length;
            work(image, kind, which, at);
            if (image.value.log.length > count) snapshots.splice(++now, Infinity, shot(image));
          }
          expect(shot(image)).toEqual(snapshots[now]);
        }
        expect(shot(open())).toEqual(snapshots[now]);
      }),
      { numRuns: 200 },
    );
  });
});

const KINDS = [
  "add",
  "add",
  "edit",
  "delete",
  "merge",
  "split",
  "duplicate",
  "reorder",
  "label",
  "undo",
  "undo",
  "redo",
  "reload",
] as const;

function work(image: OpenImage<Patch>, kind: string, which: readonly number[], at: number): void {
  const all = ids(image);
  if (kind === "add") return void add(image, at);
  if (!all.length) return;
  const chosen = which.map((i) => all[i % all.length]);
  const region = patch(at);
  if (kind === "edit") image.edit(chosen[0], { region, source: "model" });
  else if (kind === "delete") image.delete(chosen);
  else if (kind === "merge" && new Set(chosen).size > 1) {
    image.merge(chosen, { region, source: "merge" });
  } else if (kind === "split") image.split(chosen[0], [region, patch(at + 9)], "split");
  else if (kind === "duplicate") image.duplicate(chosen);
  else if (kind === "reorder") image.reorder(chosen, at % 2 ? "front" : "backward");
  else if (kind === "label") image.label(chosen, at % 3);
}

/** What is seen, masks of equal order in no order of their own. */
function shot(image: OpenImage<Patch>): unknown {
  const masks = image.value.masks.map(({ id, version, region }) => ({ id, version, region }));
  return masks.sort((a, b) => a.id.localeCompare(b.id));
}
