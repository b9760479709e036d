// What the masks of an answer are called: a single click may mean a thing, its part or a part of
// that (Segment Anything, §3, "Resolving ambiguity").

import type { Mask } from "./protocol";

export const EXTENTS = ["whole", "part", "subpart"] as const;

/** A mask of an answer under the name that its button has. */
export interface Choice {
  readonly name: string;
  readonly mask: Mask;
}

/** Three masks by falling area, as whole, part and subpart; masks of other answers as they come. */
export function choicesOf(masks: readonly Mask[]): Choice[] {
  if (masks.length !== EXTENTS.length) return masks.map((mask) => ({ name: "mask", mask }));
  const bySize = [...masks].sort((a, b) => b.area - a.area);
  return bySize.map((mask, i) => ({ name: EXTENTS[i], mask }));
}

/** The place of the mask that the model is surest of; of equals the first. */
export function surest(choices: readonly Choice[]): number {
  const scores = choices.map(({ mask }) => mask.predictedIou);
  return scores.indexOf(Math.max(...scores));
}
