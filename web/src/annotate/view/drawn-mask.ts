// A mask as the stage draws it.

import type { Region } from "../../regions";

/** A value: what changes is given as a new one. */
export interface DrawnMask {
  readonly id: string;
  readonly region: Region;
  /** "#rrggbb" */
  readonly colour: string;
  /** Neither drawn nor pointed at. */
  readonly hidden?: boolean;
  /** Not accepted yet: drawn in dashes. */
  readonly suggested?: boolean;
}

export function drawnAlike(a: DrawnMask, b: DrawnMask): boolean {
  return (
    a.region === b.region &&
    a.colour === b.colour &&
    !a.hidden === !b.hidden &&
    !a.suggested === !b.suggested
  );
}
