import { beforeEach, describe, expect, it } from "vitest";
import type {
  Action,
  ImageDocument,
  Suggestion,
  Version,
  WordsFound,
} from "../../src/annotate/api/types";
import { Draft } from "../../src/annotate/document/draft";
import { NO_EFFORT } from "../../src/annotate/document/effort";
import { MemoryShelf } from "../../src/annotate/document/memory-shelf";
import { OpenImage } from "../../src/annotate/document/open-image";
import { Versions } from "../../src/annotate/document/versions";
import { Suggestions } from "../../src/annotate/workspace/suggestions.svelte";
import { decodeRle, encodeRle, type Region } from "../../src/regions";
import { regionOf } from "../regions/drawn";

const SIZE = { width: 64, height: 48 };

/** A bar of so many columns. */
const bar = (left: number, columns: number): Region =>
  regionOf(SIZE.width, SIZE.height, (x) => x >= left && x < left + columns);

function version(region: Region, predicted_iou: number, is_suggested: boolean): Version {
  const [left, top, right, bottom] = region.box;
  const facts = { label_id: null, group: null, order: 0, source: "detector", is_suggested };
  return {
    ...facts,
    id: crypto.randomUUID(),
    segmentation: encodeRle(region),
    bbox: [left, top, right - left, bottom - top],
    area: region.area,
    predicted_iou,
  };
}

function open(...masks: Version[]): OpenImage<Region> {
  const document: ImageDocument = {
    ...{ id: 1, name: "a.jpg", ...SIZE, state: "new", revision: 0, lease: null, annotator: null },
    ...{
      updated_at: "2026-11-27T00:00:00Z",
      fault: null,
      file: "a file",
      is_replaced: false,
      suggestions: 0,
      log: [],
      notes: [],
      is_audited: false,
    },
    masks: masks.map((one, i) => ({ id: `mask ${i}`, version: one })),
  };
  return new OpenImage(document, [], {
    annotator: "Ada",
    versions: new Versions({ encode: encodeRle, decode: decodeRle }, async () => []),
    draft: new Draft(1, new MemoryShelf(), { steps: [], at: 0 }),
    sink: { put: (_, action) => sent.push(action) },
  });
}

let sent: Action[];
let answer: Suggestion[];
let named: WordsFound = { masks: [], reasons: [], answered_by: "" };
const suggestions = () =>
  new Suggestions({ everything: async () => answer, words: async () => named });
const suggestion = (region: Region, predicted_iou: number): Suggestion => {
  const { segmentation, bbox, area } = version(region, predicted_iou, true);
  return { segmentation, bbox, area, predicted_iou };
};
const scores = (shown: Suggestions) => shown.shown.map(({ predictedIou }) => predictedIou);

function follow(shown: Suggestions, image: OpenImage<Region>): void {
  image.subscribe((now) => shown.take(now.suggested, now.masks));
}

beforeEach(() => ([sent, answer] = [[], []]));

describe("near copies are not offered", () => {
  it("neither of masks nor of surer suggestions, and are counted", async () => {
    const image = open(version(bar(0, 20), 0.9, false));
    const shown = suggestions();
    follow(shown, image);
    answer = [
      suggestion(bar(0, 19), 0.95), // 0.95 of the mask
      suggestion(bar(30, 20), 0.9),
      suggestion(bar(31, 19), 0.8), // and of the one before
      suggestion(bar(30, 10), 0.7), // its half
    ];
    expect(await shown.ask(image, null, "m@1", () => true)).toBe(true);
    expect([scores(shown), shown.leftOut]).toEqual([[0.9, 0.7], 2]);
  });

  it("once a mask like them is drawn, and again when it is taken back", async () => {
    const image = open(version(bar(0, 20), 0.9, true), version(bar(40, 9), 0.8, true));
    const shown = suggestions();
    follow(shown, image);
    expect([scores(shown), shown.leftOut]).toEqual([[0.9, 0.8], 0]);
    image.add({ region: bar(0, 21), source: "brush" });
    expect([scores(shown), shown.leftOut]).toEqual([[0.8], 1]);
    await image.undo();
    expect([scores(shown), shown.leftOut]).toEqual([[0.9, 0.8], 0]);
  });

  it("and what is rejected takes them along", () => {
    const image = open(version(bar(0, 20), 0.9, true), version(bar(0, 19), 0.8, true));
    const shown = suggestions();
    follow(shown, image);
    expect([scores(shown), shown.leftOut]).toEqual([[0.9], 1]);
    shown.reject(image, NO_EFFORT, shown.first);
    expect([scores(shown), shown.leftOut]).toEqual([[], 0]);
    expect(sent.map(({ kind, changes }) => [kind, changes.length])).toEqual([["reject", 2]]);
  });
});

describe("what words name", () => {
  const labels = [{ id: 7, name: "dog", color: "#0072b2", hotkey: null }];
  const words = (...masks: [Region, number, string, number | null][]): WordsFound => ({
    masks: masks.map(([region, iou, label, label_id]) => ({
      ...suggestion(region, iou),
      label,
      label_id,
    })),
    reasons: [],
    answered_by: "m@1",
  });

  it("becomes masks under its own label, each by one answer", async () => {
    const image = open();
    const shown = suggestions();
    follow(shown, image);
    named = words([bar(0, 9), 0.9, "dog", 7], [bar(20, 9), 0.8, "cup", null]);
    expect(await shown.askWords(image, "a dog and a cup", null, () => true)).toBe(named);
    expect(shown.shown.map(({ label }) => label)).toEqual(["dog", "cup"]);
    expect([shown.newLabels(shown.first), shown.newLabels()]).toEqual([[], ["cup"]]);
    shown.accept(image, { ids: shown.first, labels, labelId: 3, effort: NO_EFFORT });
    const made = [...labels, { id: 8, name: "cup", color: "#e69f00", hotkey: null }];
    shown.accept(image, { ids: shown.first, labels: made, labelId: 3, effort: NO_EFFORT });
    const masks = image.value.masks.map(({ version }) => [version.label_id, version.source]);
    expect(masks).toEqual([
      [7, "words"],
      [8, "words"],
    ]);
    expect(sent.map(({ kind }) => kind)).toEqual(["add", "add"]);
    await image.undo();
    expect(image.value.masks.length).toBe(1);
    expect(shown.wasAsked).toBe(false);
  });

  it("has the next mask's label where its own may not be made", async () => {
    const image = open();
    const shown = suggestions();
    named = words([bar(0, 9), 0.9, "cup", null]);
    await shown.askWords(image, "cup", null, () => true);
    shown.accept(image, { labels, labelId: 7, effort: NO_EFFORT });
    expect(image.value.masks.map(({ version }) => version.label_id)).toEqual([7]);
  });

  it("is passed over once it is no longer wanted, and goes with a rejection", async () => {
    const image = open();
    const shown = suggestions();
    named = words([bar(0, 9), 0.9, "dog", 7]);
    expect(await shown.askWords(image, "dog", null, () => false)).toBe(null);
    expect(shown.shown).toEqual([]);
    await shown.askWords(image, "dog", null, () => true);
    shown.reject(image, NO_EFFORT, shown.first);
    expect([shown.shown.length, sent.length]).toEqual([0, 0]);
  });
});
