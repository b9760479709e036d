// A tool: what a hand's gestures on the image mean while it is chosen.

import type { EffortClock, OpenImage, SettingValues } from "../../document";
import type { ImageSize, Place, Region } from "../../../regions";
import type { Button, Scene, Spot } from "../../view";
import type { Drafting } from "../drafting";

/** What tools work on: one open image. */
export interface Bench {
  readonly image: OpenImage<Region>;
  readonly size: ImageSize;
  readonly drafting: Drafting;
  readonly clock: EffortClock;
  readonly settings: SettingValues;
  /** Ids of masks that are selected. */
  readonly selected: ReadonlySet<string>;
  /** CSS pixels of the screen for a pixel of the image. */
  readonly scale: number;
  /** The masks that have a place, the smallest first. */
  masksAt(place: Place): readonly string[];
  select(ids: readonly string[], more: boolean): void;
  /** Show the mask that a click here would give; null: none. */
  preview(place: Place | null): void;
  /** Write a note about a place. */
  note(place: Place): void;
  /** Ask for everything within a box. */
  suggest(box: readonly [number, number, number, number]): void;
  /** Draw the tool's part of the scene anew. */
  redraw(): void;
}

export interface Tool {
  /** What to do with it, in a line. */
  readonly hint: string;
  readonly cursor: string;
  press(bench: Bench, spot: Spot, button: Button): "stroke" | "drag";
  click?(bench: Bench, spot: Spot, button: Button, count: number): void;
  drag?(bench: Bench, spots: readonly Spot[]): void;
  drop?(bench: Bench, spot: Spot): void;
  hover?(bench: Bench, spot: Spot | null): void;
  cancel?(bench: Bench): void;
  /** What it draws over the image. */
  scene?(bench: Bench): Scene;
}

/** Whether a press takes away. */
export function removes(spot: Spot, button: Button): boolean {
  return button !== "primary" || spot.alt;
}

/** A place brought into the image. */
export function within([x, y]: Place, { width, height }: ImageSize): Place {
  return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
}

export function isInside([x, y]: Place, { width, height }: ImageSize): boolean {
  return x >= 0 && y >= 0 && x < width && y < height;
}
