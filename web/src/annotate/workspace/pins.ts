// Notes as pins: what was said at one place belongs together, so an answer stands with its question.

import type { Note } from "../api/types";
import type { Place } from "../../regions";

export interface Pin {
  /** From 1 on, in the order in which the places were first spoken of. */
  readonly number: number;
  readonly place: Place;
  /** The oldest first. */
  readonly notes: readonly Note[];
  readonly isResolved: boolean;
}

/** notes: the oldest first. */
export function pinsOf(notes: readonly Note[]): Pin[] {
  const places = new Map<string, Note[]>();
  for (const note of notes) {
    const key = `${note.x} ${note.y}`;
    places.set(key, [...(places.get(key) ?? []), note]);
  }
  return [...places.values()].map((said, i) => ({
    number: i + 1,
    place: [said[0].x, said[0].y],
    notes: said,
    isResolved: said.every(({ is_resolved }) => is_resolved),
  }));
}
