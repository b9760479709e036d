// What somebody may do with an image: by their role, by its state, by who has it.

import type { Annotator, ImageState, LeaseHolder, Project } from "../api/types";
import type { Hold } from "../document";

/** Why an image is only shown, and how that is changed. */
export interface OnlyShown {
  readonly why: string;
  /** What the button says that opens it for work; "" for none. */
  readonly offer: string;
  /** Whether it is taken from whoever has it. */
  readonly takesOver: boolean;
}

/** Of an image that the same person has open elsewhere. */
export const ELSEWHERE: OnlyShown = {
  why: "You work on this image in another tab.",
  offer: "Work here",
  takesOver: true,
};

/** null if the image can be changed by who is named. */
export function onlyShown(
  hold: Hold,
  state: ImageState,
  { name, role }: Pick<Annotator, "name" | "role">,
): OnlyShown | null {
  if (hold.kind === "another tab") return ELSEWHERE;
  if (hold.kind === "taken") {
    if (isOwn(hold.holder, name)) return ELSEWHERE;
    const who = hold.holder?.annotator ?? "Somebody else";
    const why = `${who} works on this image. You can look at it.`;
    return { why, offer: role === "admin" ? "Take over" : "", takesOver: true };
  }
  if (state === "accepted" && role === "annotator") {
    const why = "This image is accepted. You can look at it; a reviewer can return it.";
    return { why, offer: "", takesOver: false };
  }
  return null;
}

/** Whether an image is held by another tab or browser of the one who works here. */
export function isOwn(holder: LeaseHolder | null, name: string | undefined): boolean {
  return holder !== null && holder.annotator === name;
}

/** Whether somebody accepts and returns the images of a project. */
export function reviews(project: Project | null): boolean {
  return project !== null && project.review && project.annotator.role !== "annotator";
}

/** What a state is called. isReviewed: whether what is done waits for a reviewer. */
export function wordOf(state: ImageState, isReviewed: boolean): string {
  return state === "done" && isReviewed ? "to review" : state;
}

/** The counts of images once one goes from one state to another. */
export function recounted(
  counts: Project["counts"],
  from: ImageState,
  to: ImageState,
): Project["counts"] {
  if (from === to) return counts;
  return { ...counts, [from]: Math.max((counts[from] ?? 0) - 1, 0), [to]: (counts[to] ?? 0) + 1 };
}
