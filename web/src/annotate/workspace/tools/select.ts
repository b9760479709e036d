// Selecting masks on the image.

import type { Button, Spot } from "../../view";
import type { Bench, Tool } from "./tool";

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

/** Moves the image; the stage does it. */
export class PanTool implements Tool {
  readonly hint = "Drag the image; the wheel zooms.";
  readonly cursor = "grab";

  press(): "drag" {
    return "drag";
  }
}
