// Selecting masks on the image, and speaking of a place.

import type { Button, Spot } from "../../view";
import { type Bench, isInside, type Tool } from "./tool";

export class SelectTool implements Tool {
  readonly hint = "Click a mask to select it, with Shift several; double click goes on with it.";
  readonly cursor = "default";

  press(): "drag" {
    return "drag";
  }

  /** Clicking the same place again takes the next larger mask there. */
  click(bench: Bench, spot: Spot, _button: Button, count: number): void {
    const ids = bench.masksAt(spot.image);
    const [selected] = bench.selected;
    if (count > 1 && selected) return bench.drafting.refine(selected);
    const at = bench.selected.size === 1 ? ids.indexOf(selected) : -1;
    bench.select(ids.length ? [ids[(at + 1) % ids.length]] : [], spot.shift || spot.control);
  }
}

/** Pins a note. */
export class NoteTool implements Tool {
  readonly hint = "Click a place, and write what is to be mended there.";
  readonly cursor = "crosshair";

  press(): "drag" {
    return "drag";
  }

  click(bench: Bench, spot: Spot): void {
    if (isInside(spot.image, bench.size)) bench.note(spot.image);
  }
}

/** Moves the image; the stage does it. */
export class PanTool implements Tool {
  readonly hint = "Drag the image; the wheel zooms.";
  readonly cursor = "grab";

  press(): "drag" {
    return "drag";
  }
}
