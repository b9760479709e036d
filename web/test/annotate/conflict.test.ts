import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action, ActionKind, Change, Version } from "../../src/annotate/api/types";
import { type Choice, conflicts, rebase } from "../../src/annotate/document/conflict";
import { NO_EFFORT } from "../../src/annotate/document/effort";
import { changed, fits, type Masks } from "../../src/annotate/document/log";
import { uuid4 } from "../../src/annotate/document/uuid";
import { SHAPES } from "./fake-server";
import { SIZE } from "./patch";

const MASKS = ["a", "b", "c", "d"];

const version = (counts: string): Version => ({
  id: uuid4(),
  segmentation: { size: SIZE, counts },
  bbox: [0, 0, 1, 1],
  area: 1,
  label_id: null,
  group: null,
  order: 0,
  source: "model",
  predicted_iou: null,
  is_suggested: false,
});

function action(
  changes: readonly Change[],
  kind: ActionKind = "edit",
  target: string | null = null,
) {
  const at = "2026-01-01T00:00:00+00:00";
  return { id: uuid4(), kind, target, at, changes, effort: NO_EFFORT } satisfies Action;
}

/** Random actions on masks, one on the other. `undo` turns the last one round. */
function history(start: Masks, steps: readonly { which: number; to: number | "undo" }[]) {
  let masks = start;
  const actions: Action[] = [];
  for (const { which, to } of steps) {
    const mask_id = MASKS[which];
    const last = actions.at(-1);
    let next: Action;
    if (to === "undo" && last && last.kind !== "undo") {
      const [change] = last.changes;
      const before = change.after?.id ?? null;
      const old = [...start.values()].find(({ id }) => id === change.before) ?? null;
      if (change.before && !old) continue;
      next = action([{ mask_id: change.mask_id, before, after: old }], "undo", last.id);
    } else {
      const before = masks.get(mask_id)?.id ?? null;
      const after = to === "undo" || to === 0 ? null : version(`${to}`);
      if (!before && !after) continue;
      const kind = before ? (after ? "edit" : "delete") : "add";
      next = action([{ mask_id, before, after }], kind);
    }
    actions.push(next);
    masks = changed(masks, next.changes);
  }
  return { masks, actions };
}

const steps = fc.array(
  fc.record({
    which: fc.nat(MASKS.length - 1),
    to: fc.oneof(fc.nat(3), fc.constant("undo" as const)),
  }),
  { maxLength: 8 },
);
const choice = fc.constantFrom<Choice>("mine", "theirs", "both");

function applied(start: Masks, actions: readonly Action[]): Masks {
  let masks = start;
  for (const { kind, changes } of actions) {
    expect(fits(masks, changes)).toBe(true);
    expect(changes.every(SHAPES[kind])).toBe(true);
    masks = changed(masks, changes);
  }
  return masks;
}

const text = (masks: Masks, id: string) => masks.get(id)?.segmentation.counts ?? null;

describe("two people", () => {
  it("whatever both did, each mask becomes what was chosen, and all actions go on", () => {
    fc.assert(
      fc.property(steps, steps, fc.array(choice, { minLength: 4, maxLength: 4 }), (m, t, picks) => {
        const base = new Map(["a", "b", "c"].map((id) => [id, version("base")]));
        const mine = history(base, m);
        const theirs = history(base, t).masks;
        const found = conflicts(theirs, mine.actions);
        const choices = new Map(found.map(({ maskId }, i) => [maskId, picks[i]]));
        const after = applied(theirs, rebase(theirs, mine.actions, choices));
        for (const id of MASKS) {
          const pick = choices.get(id);
          const isMine = pick === "mine" || (!pick && theirs.get(id) === base.get(id));
          expect(text(after, id)).toBe(text(isMine ? mine.masks : theirs, id) ?? null);
        }
        const beside = [...after.keys()]
          .filter((id) => !MASKS.includes(id))
          .map((id) => text(after, id));
        const wanted = found.filter(({ maskId, mine }) => choices.get(maskId) === "both" && mine);
        expect(beside.sort()).toEqual(wanted.map(({ mine }) => mine!.segmentation.counts).sort());
      }),
      { numRuns: 500 },
    );
  });

  it("a conflict shows both versions", () => {
    const [base, ours, other] = ["base", "mine", "theirs"].map(version);
    const waiting = [action([{ mask_id: "a", before: base.id, after: ours }])];
    const server = new Map([["a", other]]);
    expect(conflicts(server, waiting)).toEqual([{ maskId: "a", mine: ours, theirs: other }]);
    expect(conflicts(new Map([["a", base]]), waiting)).toEqual([]);
  });

  it("the same done twice, or done and undone, is none", () => {
    const [base, ours, other] = ["base", "same", "same"].map(version);
    const there = action([{ mask_id: "a", before: base.id, after: ours }]);
    expect(conflicts(new Map([["a", other]]), [there])).toEqual([]);
    const back = action([{ mask_id: "a", before: ours.id, after: base }], "undo", there.id);
    expect(conflicts(new Map([["a", version("theirs")]]), [there, back])).toEqual([]);
    const gone = action([{ mask_id: "a", before: base.id, after: null }]);
    expect(conflicts(new Map(), [gone])).toEqual([]);
  });

  it("actions that nothing changes stay themselves, undo becomes what it does", () => {
    const [base, ours, other] = ["base", "mine", "theirs"].map(version);
    const untouched = action([{ mask_id: "b", before: null, after: version("b") }], "add");
    const edit = action([{ mask_id: "a", before: base.id, after: ours }]);
    const undo = action(
      [{ mask_id: "b", before: untouched.changes[0].after!.id, after: null }],
      "undo",
    );
    const choices = new Map([["a", "mine"]] as const);
    const rebased = rebase(new Map([["a", other]]), [untouched, edit, undo], choices);
    expect(rebased[0]).toBe(untouched);
    expect(rebased.map(({ kind }) => kind)).toEqual(["add", "edit", "delete"]);
    expect(rebased[1].id).not.toBe(edit.id);
    expect(rebased[1].changes[0].before).toBe(other.id);
  });
});
