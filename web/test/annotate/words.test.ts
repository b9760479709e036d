import { beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "../../src/annotate/api";
import type { Label, LabelDraft, Role, WordsFound } from "../../src/annotate/api/types";
import type { OpenImage } from "../../src/annotate/document";
import { withLabels, Words, type WordedWork } from "../../src/annotate/workspace/words.svelte";
import type { Region } from "../../src/regions";

const DOG: Label = { id: 7, name: "dog", color: "#0072b2", hotkey: "1" };
const found = (labels: [string, number | null][], ...reasons: string[]): WordsFound => ({
  masks: labels.map(([label, label_id]) => ({
    ...{ segmentation: { size: [4, 4], counts: "" }, bbox: [0, 0, 1, 1], area: 1 },
    ...{ predicted_iou: 0.5, label, label_id },
  })),
  reasons,
  answered_by: "m@1",
});

let answer: WordsFound | ApiError;
let asked: string[];

function worded(role: Role = "admin", wasAsked = true) {
  const suggestions = {
    shown: [],
    wasAsked,
    clear: () => {},
    askWords: async (_image: unknown, text: string) => {
      asked.push(text);
      if (answer instanceof ApiError) throw answer;
      return answer;
    },
  };
  const work: WordedWork & { labels: readonly Label[] } = {
    open: { image: { id: 1 } as OpenImage<Region> },
    project: { annotator: { id: 1, name: "Ada", role } },
    labels: [DOG],
    model: { id: null },
    suggestions,
    notice: "",
    putLabels: async (drafts: readonly LabelDraft[]) => {
      puts += 1;
      await Promise.resolve();
      work.labels = drafts.map((draft, i) => ({ ...draft, id: draft.id ?? 100 + i }));
    },
  };
  return { work, words: new Words(work) };
}

let puts: number;

async function told(text: string, of: WordsFound | ApiError, role?: Role, wasAsked?: boolean) {
  answer = of;
  const { words } = worded(role, wasAsked);
  words.text = text;
  await words.find();
  expect(words.isAsking).toBe(false);
  return words.told;
}

beforeEach(() => ([asked, puts] = [[], 0]));

describe("what is told below the box", () => {
  it("is what was found, and which labels would be new", async () => {
    expect(await told("dog", found([["dog", 7]]))).toBe("1 found: dog.");
    const both = found([["dog", 7], ["cup", null], ["cup", null]]); // prettier-ignore
    expect(await told("dog and cup", both)).toBe("3 found: dog, cup (a new label).");
    expect(await told("cup", found([["cup", null]]), "annotator")).toContain("a reviewer");
  });

  it("is why nothing was, or no more", async () => {
    const none = found([], "nothing is like 'cup': the likeliest has a chance of 0.01");
    expect(await told("cup", none)).toBe(
      "Nothing is like 'cup': the likeliest has a chance of 0.01.",
    );
    const few = found([["dog", 7]], "2 dog were asked for, 1 found");
    expect(await told("two dogs", few)).toBe("1 found: dog. 2 dog were asked for, 1 found.");
    expect(await told("dog", found([["dog", 7]]), "admin", false)).toBe("1 found: a mask already.");
  });

  it("is which extra to install, where one is missing", async () => {
    const missing = new ApiError("invalid", "tokenizers is missing: pip install 'anymask[text]'");
    expect(await told("dog", missing)).toContain("anymask[text]");
  });

  it("is nothing for no words, and of the image it is about", async () => {
    expect(await told("  ", found([]))).toBe("");
    expect(asked).toEqual([]);
  });
});

describe("a new label", () => {
  it("is made once, however often it is asked for, by who may", async () => {
    const { work, words } = worded();
    expect(words.missing(["dog", "cup", "cup"])).toEqual(["cup"]);
    await Promise.all([words.makeLabels(["cup"]), words.makeLabels(["cup"])]);
    expect(puts).toBe(1);
    expect(work.labels.map(({ name }) => name)).toEqual(["dog", "cup"]);
    expect(worded("annotator").words.missing(["cup"])).toEqual([]);
  });

  it("has a key and a colour that are free", () => {
    const [, cup, tree] = withLabels([DOG], ["cup", "tree"]);
    expect([cup.hotkey, tree.hotkey]).toEqual(["2", "3"]);
    expect(new Set([DOG.color, cup.color, tree.color]).size).toBe(3);
  });
});
