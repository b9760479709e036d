// An image at a moment, as the page shows it.

import type { ImageState, LogEntry, Version } from "../api/types";
import type { RegionFacts, Versions } from "./versions";

/** A mask of the image; the same object as long as its version is. */
export class PlacedMask<R extends RegionFacts> {
  constructor(
    readonly id: string,
    readonly version: Version,
    private readonly versions: Versions<R>,
  ) {}

  /** Decoded when first asked for. */
  get region(): R {
    return this.versions.region(this.version);
  }
}

/** The image at a moment; never changed. */
export interface ImageNow<R extends RegionFacts> {
  /** Bottom to top. */
  readonly masks: readonly PlacedMask<R>[];
  /** What the engine suggests, the surest first. */
  readonly suggested: readonly PlacedMask<R>[];
  /** Ids of masks that are new, other or gone since the moment before. */
  readonly changed: ReadonlySet<string>;
  readonly state: ImageState;
  /** What undo and redo would act on. */
  readonly undoable: LogEntry | null;
  readonly redoable: LogEntry | null;
  readonly log: readonly LogEntry[];
}
