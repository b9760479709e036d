// Which colour each mask has: its own, its label's or its group's.

import type { Label, Version } from "../api/types";
import type { SettingValues } from "../document";
import type { BoxXyxy } from "../../segmenter";
import { ColourBook, PALETTE } from "../view";

const UNLABELLED = "#8a8f99";

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
      return labels.find((label) => label.id === version.label_id)?.color ?? UNLABELLED;
    }
    if (by === "group" && version) return version.group ? ofText(version.group) : UNLABELLED;
    return this.book.colourOf(id, box);
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
