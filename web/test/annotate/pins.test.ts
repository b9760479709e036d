import { describe, expect, it } from "vitest";
import type { Note } from "../../src/annotate/api/types";
import { onlyShown, recounted, reviews, wordOf } from "../../src/annotate/workspace/access";
import { pinsOf } from "../../src/annotate/workspace/pins";

const note = (id: string, x: number, is_resolved = false): Note => ({
  id,
  x,
  y: 2,
  text: id,
  annotator: "Grace",
  created_at: "2026-11-27T12:00:00Z",
  is_resolved,
});

describe("pins", () => {
  it("are the places in the order in which they were spoken of, an answer with its question", () => {
    const pins = pinsOf([note("a", 5), note("b", 1), note("c", 5)]);
    expect(pins.map(({ number, place }) => [number, ...place])).toEqual([
      [1, 5, 2],
      [2, 1, 2],
    ]);
    expect(pins[0].notes.map(({ id }) => id)).toEqual(["a", "c"]);
  });

  it("are resolved when all that was said is", () => {
    const pins = pinsOf([note("a", 5, true), note("b", 1, true), note("c", 5)]);
    expect(pins.map(({ isResolved }) => isResolved)).toEqual([false, true]);
  });
});

describe("what somebody may do", () => {
  const taken = { kind: "taken", holder: { annotator: "Ada", expires_at: "" } } as const;

  it("an image that another has is taken over by an admin alone", () => {
    expect(onlyShown(taken, "started", { name: "Bob", role: "admin" })).toMatchObject({
      offer: "Take over",
    });
    for (const role of ["annotator", "reviewer"] as const) {
      const shown = onlyShown(taken, "started", { name: "Bob", role });
      expect(shown).toMatchObject({ offer: "" });
      expect(shown?.why).toContain("Ada");
    }
  });

  it("an image that one has in another tab can be worked on here, whoever one is", () => {
    for (const hold of [taken, { kind: "another tab" }] as const) {
      const shown = onlyShown(hold, "started", { name: "Ada", role: "annotator" });
      expect(shown).toMatchObject({ offer: "Work here", takesOver: true });
      expect(shown?.why).toContain("You work on this image in another tab");
    }
  });

  it("an accepted image is only shown to an annotator", () => {
    const annotator = { name: "Bob", role: "annotator" } as const;
    const reviewer = { name: "Bob", role: "reviewer" } as const;
    expect(onlyShown({ kind: "held" }, "accepted", annotator)).not.toBeNull();
    expect(onlyShown({ kind: "held" }, "accepted", reviewer)).toBeNull();
    expect(onlyShown({ kind: "held" }, "done", annotator)).toBeNull();
  });

  it("review is of projects that have it, by whoever is more than an annotator", () => {
    const project = (review: boolean, role: string) =>
      ({ review, annotator: { role } }) as unknown as Parameters<typeof reviews>[0];
    expect(reviews(project(true, "reviewer"))).toBe(true);
    expect(reviews(project(true, "annotator"))).toBe(false);
    expect(reviews(project(false, "admin"))).toBe(false);
    expect([wordOf("done", true), wordOf("done", false)]).toEqual(["to review", "done"]);
  });
});

it("counts go along with an image", () => {
  const counts = {
    new: 2,
    started: 0,
    done: 0,
    returned: 0,
    accepted: 0,
    skipped: 0,
    unreadable: 0,
  };
  expect(recounted(counts, "new", "done")).toEqual({ ...counts, new: 1, done: 1 });
  expect(recounted(counts, "new", "new")).toBe(counts);
});
