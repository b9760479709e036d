// What is in work: drawn over the image and its masks, and apart from them.

import type { Place, Region, Ring } from "../../regions";
import type { BoxXyxy, Point } from "../../segmenter";

export interface Brush {
  readonly at: Place;
  /** In pixels of the image. */
  readonly diameter: number;
  readonly erases: boolean;
}

/** A ring in edit: its places can be taken hold of. */
export interface EditedRings {
  readonly rings: readonly Ring[];
  /** The place that is held or pointed at. */
  readonly held: { readonly ring: number; readonly place: number } | null;
}

/** All of it in pixels of the image. What is not given is not there. */
export interface Scene {
  /** The mask that is being made. */
  readonly mask?: Region | null;
  /** What a click under the pointer would give. */
  readonly preview?: Region | null;
  readonly points?: readonly Point[];
  readonly box?: BoxXyxy | null;
  readonly brush?: Brush | null;
  /** A line that a hand draws. Closed: what it goes round is meant. */
  readonly line?: { readonly places: readonly Place[]; readonly closed: boolean } | null;
  readonly edited?: EditedRings | null;
  /** Where the keyboard would click. */
  readonly cross?: Place | null;
}
