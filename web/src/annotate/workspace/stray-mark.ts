// A mask in work that is hardly meant to be one: whoever is done with the image is asked about it.

import type { SettingValues } from "../document";
import type { DraftingNow } from "./drafting";

const DAB = 1.5; // brushes across: a press without a stroke

export interface StrayMark {
  readonly text: string;
  /** What the answers say; no `keep` where there is nothing to keep yet. */
  readonly drop: string;
  readonly keep: string | null;
}

/** What to ask about a mask in work before it is stored; null if it is a mask. */
export function strayMark(
  { region, maskId, isAsking, points, box }: DraftingNow,
  { brushDiameter, smallestArea }: Pick<SettingValues, "brushDiameter" | "smallestArea">,
): StrayMark | null {
  if (isAsking) {
    const text = "The model has not answered yet: there is no mask of the last click so far.";
    return { text, drop: "Go on without it", keep: null };
  }
  if (!region || region.isEmpty || maskId !== null) return null;
  const [left, top, right, bottom] = region.box;
  const isDrawn = !points.length && !box;
  const isDab = isDrawn && Math.max(right - left, bottom - top) <= DAB * brushDiameter;
  if (!isDab && region.area >= smallestArea) return null;
  const size = `${region.area.toLocaleString()} ${region.area === 1 ? "pixel" : "pixels"}`;
  const text = `It has ${size}${isDab ? ", one dab of the brush" : ""}. Is it a mask?`;
  return { text, drop: "No, drop it", keep: "Yes, keep it" };
}
