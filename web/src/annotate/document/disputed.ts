// What is shown of a conflict: each version of the masks, by whom it is and when it was made.

import type { Action, ImageDocument } from "../api/types";
import { conflicts, type MaskConflict } from "./conflict";

/** Who made a version, and when. */
export interface Making {
  readonly annotator: string;
  /** ISO 8601. */
  readonly at: string;
}

export interface DisputedMask extends MaskConflict {
  /** null where the log does not say. */
  readonly theirsBy: Making | null;
  /** When mine was made. */
  readonly mineAt: string | null;
}

/** Masks of one image that somebody else changed meanwhile; each waits for a choice. */
export interface ImageConflict {
  readonly imageId: number;
  /** Height and width of it are in the segmentations. */
  readonly name: string;
  readonly masks: readonly DisputedMask[];
}

/** The masks of an image about which a person has to say something. */
export function disputed(document: ImageDocument, waiting: readonly Action[]): ImageConflict {
  const server = new Map(document.masks.map(({ id, version }) => [id, version]));
  const touches = (maskId: string) => (step: Pick<Action, "changes"> | ImageDocument["log"][0]) =>
    step.changes.some(({ mask_id }) => mask_id === maskId);
  const masks = conflicts(server, waiting).map((conflict) => {
    const entry = document.log.findLast(touches(conflict.maskId));
    const action = waiting.findLast(touches(conflict.maskId));
    const theirsBy = entry ? { annotator: entry.annotator, at: entry.at } : null;
    return { ...conflict, theirsBy, mineAt: action?.at ?? null };
  });
  return { imageId: document.id, name: document.name, masks };
}
