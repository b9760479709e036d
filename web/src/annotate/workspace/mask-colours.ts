// Which colour each mask has: its own, its label's or its group's. Without a label it has its own.

import type { Label, Version } from "../api/types";
import type { PlacedMask, SettingValues } from "../document";
import type { Region } from "../../regions";
import type { BoxXyxy } from "../../segmenter";
import { ColourBook, type DrawnMask, PALETTE } from "../view";
import type { Suggested } from "./suggestions.svelte";

export type Palette = readonly [readonly Label[], SettingValues["colorBy"]];

const UNGROUPED = "#8a8f99";

export class MaskColours {
  private book = new ColourBook();

  colourOf(
    id: string,
    box: BoxXyxy,
    version: Version | null,
    labels: readonly Label[],
    by: SettingValues["colorBy"],
  ): string {
    if (by === "label" && version) {
      const own = labels.find((label) => label.id === version.label_id)?.color;
      if (own) return own;
    }
    if (by === "group" && version) return version.group ? ofText(version.group) : UNGROUPED;
    return this.book.colourOf(id, box);
  }

  /** Masks as they are drawn, those that are hidden too; then suggestions. */
  drawn(
    masks: readonly PlacedMask<Region>[],
    suggested: readonly Suggested[],
    isHidden: (id: string) => boolean,
    palette: Palette,
  ): DrawnMask[] {
    const placed = masks.map(({ id, region, version }) => ({
      id,
      region,
      colour: this.colourOf(id, region.box, version, ...palette),
      hidden: isHidden(id),
    }));
    const proposed = suggested.map(({ id, region }) => ({
      id,
      region,
      colour: this.colourOf(id, region.box, null, [], "mask"),
      suggested: true,
    }));
    return [...placed, ...proposed];
  }

  clear(): void {
    this.book = new ColourBook();
  }
}

/** Always the same for the same text. */
function ofText(text: string): string {
  let sum = 0;
  for (const letter of text) sum = (31 * sum + letter.codePointAt(0)!) >>> 0;
  return PALETTE[sum % PALETTE.length];
}
