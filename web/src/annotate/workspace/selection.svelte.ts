// The masks of the open image that are selected, and what is done with all of them at once.

import type { EffortClock, Move, OpenImage } from "../document";
import { components, type Region, union } from "../../regions";

const NONE: ReadonlySet<string> = new Set();

export class Selection {
  ids = $state.raw(NONE);

  /** @param image the one that is open. */
  constructor(
    private readonly image: () => OpenImage<Region> | undefined,
    private readonly clock: () => EffortClock,
  ) {}

  get size(): number {
    return this.ids.size;
  }

  /** The id of the first that was selected. */
  get first(): string | undefined {
    const [first] = this.ids;
    return first;
  }

  /** Select masks; with `more`, turn those in or out and leave the others. */
  select(ids: readonly string[], more = false): void {
    const selected = new Set(more ? this.ids : []);
    for (const id of ids) if (!selected.delete(id) || !more) selected.add(id);
    this.ids = selected;
  }

  clear(): void {
    this.ids = NONE;
  }

  all(): void {
    this.ids = new Set(this.there);
  }

  /** Go through the masks of the image, one by one. */
  step(by: 1 | -1): void {
    const { there } = this;
    const at = this.first === undefined ? (by > 0 ? -1 : 0) : there.indexOf(this.first);
    if (there.length) this.ids = new Set([there[(at + by + there.length) % there.length]]);
  }

  /** Forget the masks that the image no longer has. */
  prune(): void {
    const there = new Set(this.there);
    this.ids = new Set([...this.ids].filter((id) => there.has(id)));
  }

  delete(): Promise<void> {
    return this.act((image, ids) => image.delete(ids, { effort: this.clock().take() }));
  }

  duplicate(): Promise<void> {
    return this.act((image, ids) => image.duplicate(ids));
  }

  merge(): Promise<void> {
    return this.act((image, ids) => {
      const regions = ids.flatMap((id) => image.mask(id)?.region ?? []);
      if (regions.length > 1) image.merge(ids, { region: regions.reduce(union), source: "merge" });
    });
  }

  /** Make each connected part a mask of its own. */
  split(): Promise<void> {
    return this.act((image, ids) => {
      for (const id of ids) {
        const parts = components(image.mask(id)!.region);
        if (parts.length > 1) image.split(id, parts, "split");
      }
    });
  }

  reshape(change: (region: Region) => Region, source: string): Promise<void> {
    return this.act((image, ids) => {
      for (const id of ids) {
        const region = image.mask(id)?.region;
        if (region) image.edit(id, { region: change(region), source });
      }
    });
  }

  label(labelId: number | null): Promise<void> {
    return this.act((image, ids) => image.label(ids, labelId));
  }

  reorder(move: Move): Promise<void> {
    return this.act((image, ids) => image.reorder(ids, move));
  }

  group(): Promise<void> {
    return this.act((image, ids) => image.group(ids, ids[0].slice(0, 4)));
  }

  ungroup(): Promise<void> {
    return this.act((image, ids) => image.group(ids, null));
  }

  private get there(): readonly string[] {
    return this.image()?.value.masks.map(({ id }) => id) ?? [];
  }

  private async act(
    action: (image: OpenImage<Region>, ids: readonly string[]) => unknown,
  ): Promise<void> {
    const image = this.image();
    if (image && this.size) await action(image, [...this.ids]);
  }
}
